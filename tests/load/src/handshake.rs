//! The opening handshake, by hand.

use crate::Server;

/// The request. Its key is that of RFC 6455, section 1.3, whose answer is known.
pub(crate) fn request(server: &Server) -> Vec<u8> {
    format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
        server.path, server.host
    )
    .into_bytes()
}

/// How long the answer in `bytes` is, once all of it is there.
///
/// # Errors
///
/// If it does not accept the request.
pub(crate) fn answer(bytes: &[u8]) -> Result<Option<usize>, String> {
    let Some(end) = bytes.windows(4).position(|it| it == b"\r\n\r\n") else {
        if bytes.len() > LONGEST_ANSWER {
            return Err(format!("an answer of more than {LONGEST_ANSWER} bytes"));
        }
        return Ok(None);
    };
    let text = String::from_utf8_lossy(&bytes[..end]);
    let mut lines = text.split("\r\n");
    let status = lines.next().unwrap_or_default();
    if !status.starts_with("HTTP/1.1 101") {
        return Err(format!("the server said \"{status}\""));
    }
    let accept = lines.filter_map(|line| line.split_once(':')).find_map(|(name, value)| {
        name.eq_ignore_ascii_case("sec-websocket-accept").then(|| value.trim())
    });
    if accept != Some(ACCEPT) {
        return Err(format!("Sec-WebSocket-Accept is {accept:?}, expected {ACCEPT}"));
    }
    Ok(Some(end + 4))
}

const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
const LONGEST_ANSWER: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers() {
        let good = "HTTP/1.1 101 Switching Protocols\r\nsec-websocket-ACCEPT: \
                    s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nX: y\r\n\r\n";
        for end in 0..good.len() {
            assert_eq!(answer(&good.as_bytes()[..end]), Ok(None));
        }
        assert_eq!(answer(format!("{good}more").as_bytes()), Ok(Some(good.len())));
        let wrong = good.replace("s3p", "t3p");
        assert!(answer(wrong.as_bytes()).unwrap_err().contains("Sec-WebSocket-Accept"));
        assert!(answer(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap_err().contains("400"));
        assert!(answer(&[b'x'; 20_000]).is_err());
    }
}
