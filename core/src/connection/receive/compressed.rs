//! Messages that arrive compressed: RFC 7692 section 6.2.

use super::{Data, Found, Frame, Receiver};
use crate::buffer::Inbox;
use crate::connection::{Config, Receive};
use crate::error::ProtocolError;
use crate::message::DataKind;

/// How much of a compressed payload makes a piece, so that one that grows a thousandfold still makes
/// pieces of a few megabytes.
const PORTION: usize = 4 * 1024;

/// What arrives of a payload at once is worth claiming memory for from this length on.
const CLAIM_FROM: usize = 4 * 1024;

/// What a payload that is within `limit` may be at most when it is compressed, in so many fragments: DEFLATE
/// makes what it cannot compress longer, with little memory by an eighth, and each fragment may end with what
/// makes all of it come out so far.
pub(super) fn limit(limit: u64, fragments: u32) -> u64 {
    let flushes = u64::from(fragments).saturating_mul(16);
    limit.saturating_add(limit / 4).saturating_add(64).saturating_add(flushes)
}

impl Receiver {
    #[inline]
    pub(super) fn is_inside_compressed(&self) -> bool {
        self.open.is_some_and(|open| open.compressed)
    }

    /// Whatever has arrived of a compressed payload: decompressed as it comes, it never waits.
    ///
    /// Not inlined: it would cost those frames that are not compressed.
    #[inline(never)]
    pub(super) fn compressed(
        &mut self,
        mut frame: Frame,
        inbox: &mut Inbox,
        config: &Config,
    ) -> Result<Option<Found>, ProtocolError> {
        let Some(mut open) = self.open else { return Ok(None) };
        let pieces = config.receive == Receive::Pieces;
        loop {
            let unread = inbox.unread_mut();
            let mut len = unread.len().min(frame.len.saturating_sub(frame.done));
            if pieces {
                len = len.min(PORTION);
            }
            if let (Some(mask), Some(fresh)) = (frame.mask, unread.get_mut(..len)) {
                mask.rotated(frame.done).apply(fresh);
            }
            frame.done = frame.done.saturating_add(len);
            let over = frame.done == frame.len;
            let last = over && frame.fin;
            self.frame = (!over).then_some(frame);
            let limit = usize::try_from(config.max_message).unwrap_or(usize::MAX);
            let limit = limit.saturating_sub(open.decompressed);
            let before = inbox.message_len();
            if len > CLAIM_FROM {
                // As for what is not compressed: claimed, not touched, and no more than was earned.
                let left = frame.len.saturating_sub(frame.done).saturating_add(len);
                let most = left.saturating_mul(4).min(len.saturating_mul(16));
                inbox.claim_for(len.saturating_mul(4), most, limit);
            }
            let incoming = &mut self.incoming;
            let pushed = inbox.append_with(len, |bytes, memory, filled| {
                incoming.push(bytes, last, memory, filled, limit)
            });
            // It is complete, and nothing was wrong: it is judged where it is handed out.
            let whole = last && pushed.is_ok() && !pieces;
            if open.kind == DataKind::Text && !whole {
                // U4: the decompressed bytes, as they come; what is wrong with them comes before what is
                // wrong behind them.
                let fresh = inbox.message_mut().get(before..).unwrap_or_default();
                self.utf8.push(fresh).map_err(|_| ProtocolError::InvalidUtf8)?;
            }
            pushed?;
            if last {
                if !whole {
                    self.finish_text(open.kind)?;
                }
                self.open = None;
            }
            if pieces && (last || inbox.message_len() > 0) {
                let piece = Data::Decompressed { kind: open.kind, first: !open.begun, last };
                open.begun = true;
                open.decompressed = open.decompressed.saturating_add(inbox.message_len());
                self.open = (!last).then_some(open);
                return Ok(Some(Found::Data(piece)));
            }
            if last {
                return Ok(Some(Found::Data(Data::Assembled { kind: open.kind })));
            }
            if over || len == 0 {
                return Ok(None);
            }
        }
    }
}
