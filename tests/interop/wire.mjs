// What goes over a connection in each direction, counted from its bytes: the library under it is not asked.

const CONTROL = 0x08;

/** One direction: bytes, and the messages that began in it, compressed (RSV1) or plain. */
export class Direction {
  bytes = 0;
  compressed = 0;
  plain = 0;
  /** Frames with RSV1 that may not have it: RFC 7692 section 6. */
  misplaced = 0;
  #head = [];
  #payload = 0;

  push(data) {
    this.bytes += data.length;
    for (let at = 0; at < data.length;) {
      if (this.#payload > 0) {
        const skipped = Math.min(this.#payload, data.length - at);
        this.#payload -= skipped;
        at += skipped;
      } else {
        this.#head.push(data[at]);
        at += 1;
        this.#header();
      }
    }
  }

  /** Counts the frame once its header is whole: RFC 6455 section 5.2. */
  #header() {
    const [first, second, ...rest] = this.#head;
    if (second === undefined) return;
    const short = second & 0x7f;
    const extended = short === 126 ? 2 : short === 127 ? 8 : 0;
    if (rest.length < extended + (second & 0x80 ? 4 : 0)) return;
    this.#payload = extended ? rest.slice(0, extended).reduce((length, byte) => length * 256 + byte, 0) : short;
    this.#head = [];
    const opcode = first & 0x0f;
    if (opcode !== 0 && opcode < CONTROL) this[first & 0x40 ? 'compressed' : 'plain'] += 1;
    else if (first & 0x40) this.misplaced += 1;
  }
}

/** Both directions of a ws socket from now on, which has to be right behind the handshake. */
export class Wire {
  sent = new Direction();
  received = new Direction();

  constructor(socket) {
    const write = socket.write;
    socket.write = (data, ...rest) => {
      this.sent.push(typeof data === 'string' ? Buffer.from(data, typeof rest[0] === 'string' ? rest[0] : 'utf8') : data);
      return write.call(socket, data, ...rest);
    };
    socket.on('data', (data) => this.received.push(data));
  }

  /** What went over the wire while `body` ran. */
  async during(body) {
    const counts = ({ bytes, compressed, plain }) => ({ bytes, compressed, plain });
    const before = [counts(this.sent), counts(this.received)];
    await body();
    if (this.received.misplaced) throw new Error('a continuation or a control frame came with RSV1');
    const [sent, received] = [this.sent, this.received].map((direction, i) => ({
      bytes: direction.bytes - before[i].bytes,
      compressed: direction.compressed - before[i].compressed,
      plain: direction.plain - before[i].plain,
    }));
    return { sent, received };
  }
}
