//! sockudo-ws: `CompressedProtocol`, its part without I/O.

use bytes::BytesMut;
use compare_deflate::chat::Text;
use compare_deflate::contest::{Peer, Rank, Server, Terms};
use compare_deflate::pipe::Pipe;
use compare_deflate::{LIMIT, STAGING};
use sockudo_ws::deflate::DeflateConfig;
use sockudo_ws::protocol::{CompressedProtocol, Message};

pub const SOCKUDO: Peer = Peer::new("sockudo-ws (its part without I/O)", Rank::Peer, open);

fn open(terms: Terms, pipe: Pipe) -> Box<dyn Server> {
    let config = DeflateConfig {
        server_no_context_takeover: !terms.takeover,
        client_no_context_takeover: !terms.takeover,
        compression_level: terms.level.into(),
        compression_threshold: 0,
        ..DeflateConfig::default()
    };
    Box::new(Sockudo {
        protocol: CompressedProtocol::server(LIMIT, LIMIT, config),
        input: BytesMut::new(),
        output: BytesMut::new(),
        messages: Vec::new(),
        pipe,
    })
}

struct Sockudo {
    protocol: CompressedProtocol,
    input: BytesMut,
    output: BytesMut,
    messages: Vec<Message>,
    pipe: Pipe,
}

impl Server for Sockudo {
    fn send(&mut self, message: &Text) {
        let message = Message::Text(message.bytes.clone());
        self.protocol.encode_message(&message, &mut self.output).expect("it can be sent");
        self.pipe.put(&self.output);
        self.output.clear();
    }

    fn receive(&mut self, count: usize, visit: &mut dyn FnMut(&[u8])) {
        let mut seen = 0;
        while seen < count {
            self.input.extend_from_slice(self.pipe.next_bytes(STAGING));
            let processed = self.protocol.process_into(&mut self.input, &mut self.messages);
            processed.expect("valid messages");
            for message in self.messages.drain(..) {
                let Message::Text(text) = message else { panic!("{message:?}") };
                visit(&text);
                seen += 1;
            }
        }
    }
}
