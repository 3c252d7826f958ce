//! websocket-sans-io: a push parser of frames. It validates nothing, so it is no peer where
//! validation is the work, and messages are put together here, as its example does.

use websocket_sans_io::{Opcode, WebsocketFrameDecoder, WebsocketFrameEvent};

use super::STAGING;
use crate::contest::Decode;
use crate::pipe::Pipe;
use crate::wire::Kind;

pub struct SansIo {
    decoder: WebsocketFrameDecoder,
    staging: Vec<u8>,
    message: Vec<u8>,
    pipe: Pipe,
}

pub fn decoder(pipe: Pipe) -> SansIo {
    let decoder = WebsocketFrameDecoder::new();
    SansIo { decoder, staging: vec![0; STAGING], message: Vec::new(), pipe }
}

impl Decode for SansIo {
    fn decode(&mut self, count: usize, mut visit: impl FnMut(Kind, &[u8])) {
        let mut seen = 0;
        while seen < count {
            let n = self.pipe.fill(&mut self.staging);
            let mut unread = &mut self.staging[..n];
            loop {
                let Ok(result) = self.decoder.add_data(unread);
                let consumed = result.consumed_bytes;
                if consumed == 0 && result.event.is_none() {
                    break;
                }
                match result.event {
                    None => {}
                    Some(WebsocketFrameEvent::Start { frame_info, .. }) => {
                        assert!(frame_info.is_reasonable(), "a valid frame");
                    }
                    Some(WebsocketFrameEvent::PayloadChunk { .. }) => {
                        self.message.extend_from_slice(&unread[..consumed]);
                    }
                    Some(WebsocketFrameEvent::End { frame_info, original_opcode }) => {
                        assert!(frame_info.fin, "whole messages only");
                        assert_eq!(original_opcode, Opcode::Binary);
                        visit(Kind::Binary, &self.message);
                        self.message.clear();
                        seen += 1;
                    }
                }
                unread = &mut unread[consumed..];
            }
        }
    }
}
