//! Fragments that have arrived whole, many at a time: RFC 6455 section 5.4.

use super::{Data, Open, Receiver};
use crate::buffer::Inbox;
use crate::connection::Config;
use crate::error::ProtocolError;
use crate::frame::Mask;
use crate::message::DataKind;

/// A frame at the front of some bytes: whether it is the last of its message, and its parts.
type Fragment<'a> = (bool, Option<Mask>, &'a [u8], &'a [u8]);

impl Receiver {
    /// The common case of the frames that continue a message in few steps: whole, of up to 65,535
    /// bytes, none empty. Judges no header: it stops at what it does not take, and that is looked at in
    /// [`next`](Self::next). Text is judged before that, as its bytes came before.
    #[inline(never)]
    pub(super) fn fragments(
        &mut self,
        open: Open,
        inbox: &mut Inbox,
        config: &Config,
    ) -> Result<Option<Data>, ProtocolError> {
        let before = inbox.message_len();
        let mut open = open;
        let mut last = false;
        while !last {
            let Some((_, _, payload, _)) = self.fragment(inbox.unread()) else { break };
            let needed = payload.len();
            let (mut unread, place) = inbox.place(needed);
            let (all, mut at) = (unread.len(), 0_usize);
            while let Some((fin, mask, payload, rest)) = self.fragment(unread) {
                let len = payload.len();
                let bytes = open.bytes.wrapping_add(len as u64);
                if bytes > config.max_message || open.fragments >= config.max_fragments {
                    break;
                }
                let end = at.wrapping_add(len);
                let Some(out) = place.get_mut(at..end) else { break };
                match mask {
                    Some(mask) => mask.copy_to(payload, out),
                    None => out.copy_from_slice(payload),
                }
                (open.bytes, open.empty_run) = (bytes, 0);
                open.fragments = open.fragments.wrapping_add(1);
                (unread, at, last) = (rest, end, fin);
                if fin {
                    break;
                }
            }
            let taken = all.wrapping_sub(unread.len());
            if taken == 0 {
                break;
            }
            inbox.placed(taken, at);
        }
        if open.kind == DataKind::Text {
            let fresh = inbox.message_mut().get(before..).unwrap_or_default();
            self.utf8.push(fresh).map_err(|_| ProtocolError::InvalidUtf8)?;
        }
        if !last {
            self.open = Some(open);
            return Ok(None);
        }
        self.finish_text(open.kind)?;
        self.open = None;
        Ok(Some(Data::Assembled { kind: open.kind }))
    }

    #[inline(always)]
    fn fragment<'a>(&self, bytes: &'a [u8]) -> Option<Fragment<'a>> {
        let (&[first, second], rest) = bytes.split_first_chunk()?;
        if first & 0x7f != 0 {
            return None;
        }
        // As in `whole`.
        let short = second ^ if self.masked { 0x80 } else { 0 };
        let (len, rest) = match short {
            1..=125 => (usize::from(short), rest),
            126 => {
                let (length, rest) = rest.split_first_chunk()?;
                (usize::from(u16::from_be_bytes(*length)), rest)
            }
            _ => return None,
        };
        if len > self.plain || (short == 126 && len < 126) {
            return None;
        }
        let (mask, rest) = if self.masked {
            let (key, rest) = rest.split_first_chunk()?;
            (Some(Mask(*key)), rest)
        } else {
            (None, rest)
        };
        let (payload, rest) = rest.split_at_checked(len)?;
        Some((first != 0, mask, payload, rest))
    }
}
