//! The page, and what else the one port answers.

use longwire::driver::Answer;
use longwire::handshake::{Acceptance, Incoming, InvalidResponse, Response};

const HTML: &str = include_str!("page/index.html");
const CSS: &str = include_str!("page/style.css");
const LINK: &str = include_str!("page/link.js");
const LOG: &str = include_str!("page/log.js");
const APP: &str = include_str!("page/app.js");

const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Nothing is loaded from elsewhere, nothing in the page is a script but the scripts.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Upgrades `/ws` for pages of our own origin, serves the page otherwise.
pub(crate) fn answer(incoming: &Incoming) -> Answer {
    let page = match incoming.request().path() {
        "/ws" => return Answer::Accept(Acceptance::new()),
        "/" => page(200, "text/html; charset=utf-8", HTML),
        "/style.css" => page(200, "text/css; charset=utf-8", CSS),
        "/link.js" => page(200, SCRIPT, LINK),
        "/log.js" => page(200, SCRIPT, LOG),
        "/app.js" => page(200, SCRIPT, APP),
        _ => page(404, "text/plain; charset=utf-8", "There is only the chat here, at /\n"),
    };
    // Were one of the constants above no header, the visitor should learn of it.
    page.map_or_else(|error| panic!("a constant header was refused: {error}"), Answer::Reject)
}

fn page(status: u16, kind: &str, body: &str) -> Result<Response, InvalidResponse> {
    Ok(Response::new(status)?
        .header("Content-Type", kind)?
        .header("Content-Security-Policy", POLICY)?
        .header("X-Content-Type-Options", "nosniff")?
        .header("Referrer-Policy", "no-referrer")?
        .header("Cache-Control", "no-cache")?
        .body(body))
}
