use super::classes::is_word;

/// Where in a head the headers are that the opening handshake looks at, noted in one pass: asking
/// for each by its name would compare all names each time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Known {
    pub(super) host: Lines,
    pub(super) upgrade: Lines,
    pub(super) connection: Lines,
    pub(super) content_length: Lines,
    pub(super) transfer_encoding: Lines,
    pub(super) origin: Lines,
    pub(super) key: Lines,
    pub(super) accept: Lines,
    pub(super) version: Lines,
    pub(super) protocol: Lines,
    pub(super) extensions: Lines,
}

/// The lines of one name: the index of the first, and how many there are.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lines {
    first: u32,
    pub(super) count: u32,
}

impl Lines {
    pub(super) const fn first(self) -> usize {
        self.first as usize
    }

    /// How many there are behind the first.
    pub(super) const fn others(self) -> usize {
        self.count.saturating_sub(1) as usize
    }
}

impl Known {
    /// Notes the field `index`, if its name is one of these, and says whether it is.
    pub(super) fn note(&mut self, name: &[u8], index: usize) -> bool {
        let lines = match name.len() {
            4 if is_word(name, b"host") => &mut self.host,
            6 if is_word(name, b"origin") => &mut self.origin,
            7 if is_word(name, b"upgrade") => &mut self.upgrade,
            10 if is_word(name, b"connection") => &mut self.connection,
            14 if is_word(name, b"content-length") => &mut self.content_length,
            17 if is_word(name, b"sec-websocket-key") => &mut self.key,
            17 if is_word(name, b"transfer-encoding") => &mut self.transfer_encoding,
            20 if is_word(name, b"sec-websocket-accept") => &mut self.accept,
            21 if is_word(name, b"sec-websocket-version") => &mut self.version,
            22 if is_word(name, b"sec-websocket-protocol") => &mut self.protocol,
            24 if is_word(name, b"sec-websocket-extensions") => &mut self.extensions,
            _ => return false,
        };
        if lines.count == 0 {
            // A head has less than 4 GiB, and so fewer lines.
            lines.first = u32::try_from(index).unwrap_or(u32::MAX);
        }
        lines.count = lines.count.saturating_add(1);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h13_lines_of_a_name_are_counted_in_any_case() {
        let mut known = Known::default();
        for (index, name) in ["x", "HOST", "Hose", "host", "Transfer-Encoding"].iter().enumerate() {
            known.note(name.as_bytes(), index);
        }
        assert_eq!((known.host.first, known.host.count), (1, 2));
        assert_eq!((known.transfer_encoding.first, known.transfer_encoding.count), (4, 1));
        assert_eq!((known.key.count, known.origin.count), (0, 0));
    }
}
