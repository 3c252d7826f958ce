// uWebSockets as `server` is the others: uwebsockets MODE [--heartbeat SECONDS].
//
// Its own defaults but for the limits: no compression, text checked, pings of its own, corking of
// what is sent while a read is handled. It sets TCP_NODELAY itself.

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "App.h"

namespace {

constexpr unsigned MESSAGE_LIMIT = 64u << 20;
constexpr const char *ROOM = "room";

enum class Mode { Echo, FanOut };

struct Arguments {
    Mode mode;
    std::optional<unsigned> heartbeat;
};

std::optional<Arguments> parse(int argc, char **argv) {
    if (argc != 2 && argc != 4) return std::nullopt;
    Arguments arguments{};
    std::string_view mode = argv[1];
    if (mode == "echo") arguments.mode = Mode::Echo;
    else if (mode == "fanout") arguments.mode = Mode::FanOut;
    else return std::nullopt;
    if (argc == 4) {
        char *end = nullptr;
        unsigned long seconds = std::strtoul(argv[3], &end, 10);
        if (std::string_view(argv[2]) != "--heartbeat" || *end || seconds < 1 || seconds > 900) {
            return std::nullopt;
        }
        arguments.heartbeat = static_cast<unsigned>(seconds);
    }
    return arguments;
}

/// Its timeout of silence, which ends 4, 8 or 16 seconds after a ping: the one with the nearest ping.
unsigned short idle_timeout(unsigned ping_after) {
    unsigned nearest = 8;
    unsigned distance = ~0u;
    for (unsigned idle = 8; idle <= 960; idle += 4) {
        unsigned margin = 4;
        while (idle >= margin * 4 && margin < 16) margin *= 2;
        unsigned ping = idle - margin;
        unsigned off = ping > ping_after ? ping - ping_after : ping_after - ping;
        if (off < distance) {
            nearest = idle;
            distance = off;
        }
    }
    return static_cast<unsigned short>(nearest);
}

struct Nothing {};

} // namespace

int main(int argc, char **argv) {
    auto arguments = parse(argc, argv);
    if (!arguments) {
        std::fprintf(stderr, "usage: uwebsockets echo|fanout [--heartbeat SECONDS (1 to 900)]\n");
        return 1;
    }
    uWS::App app;
    uWS::App::WebSocketBehavior<Nothing> behavior;
    behavior.compression = uWS::DISABLED;
    behavior.maxPayloadLength = MESSAGE_LIMIT;
    // Without a bound, as a message above it is dropped.
    behavior.maxBackpressure = 0;
    if (arguments->heartbeat) behavior.idleTimeout = idle_timeout(*arguments->heartbeat);
    if (arguments->mode == Mode::Echo) {
        behavior.message = [](auto *ws, std::string_view message, uWS::OpCode opcode) {
            ws->send(message, opcode);
        };
    } else {
        behavior.open = [](auto *ws) { ws->subscribe(ROOM); };
        behavior.message = [&app](auto *, std::string_view message, uWS::OpCode opcode) {
            app.publish(ROOM, message, opcode);
        };
    }
    app.ws<Nothing>("/*", std::move(behavior));
    app.listen("127.0.0.1", 0, [](us_listen_socket_t *listener) {
        if (!listener) {
            std::fprintf(stderr, "uwebsockets: cannot listen on 127.0.0.1\n");
            std::exit(1);
        }
        int port = us_socket_local_port(0, reinterpret_cast<us_socket_t *>(listener));
        std::printf("listening on 127.0.0.1:%d\n", port);
        std::fflush(stdout);
    });
    app.run();
}
