//! Pages for people: a welcome, the API reference, and one page for each kind of problem. Nothing is loaded from
//! elsewhere.

use axum::body::Body;
use axum::response::Response;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue};

include!(concat!(env!("OUT_DIR"), "/problems.rs"));

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const HTML: &str = "text/html; charset=utf-8";

pub(super) fn welcome() -> Response {
    page(HTML, include_str!("../../assets/welcome.html"))
}

pub(super) fn docs() -> Response {
    page(HTML, include_str!("../../assets/docs.html"))
}

pub(super) fn docs_style() -> Response {
    page("text/css; charset=utf-8", include_str!("../../assets/docs.css"))
}

pub(super) fn docs_script() -> Response {
    page("text/javascript; charset=utf-8", include_str!("../../assets/docs.js"))
}

/// The list of all problems that have a page.
pub(super) fn problems() -> Response {
    let items: String =
        PROBLEMS.iter().map(|(slug, _)| format!("<li><a href=\"/problems/{slug}\">{slug}</a></li>\n")).collect();
    let intro =
        "<h1>Problems</h1>\n<p>Every error answer names its kind in <code>type</code> and <code>code</code>.</p>\n";
    page(HTML, framed("Problems", &format!("{intro}<ul>\n{items}</ul>")))
}

/// The page about a kind of problem; none when there is no such kind.
pub(super) fn problem(slug: &str) -> Option<Response> {
    let (_, text) = PROBLEMS.iter().find(|(known, _)| *known == slug)?;
    Some(page(HTML, framed(&sentence(slug), &html(text))))
}

fn page(kind: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    let set: [(HeaderName, &'static str); 3] =
        [(CONTENT_TYPE, kind), (CONTENT_SECURITY_POLICY, POLICY), (CACHE_CONTROL, "no-cache")];
    for (name, value) in set {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

fn framed(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width\">\n<title>{title}</title>\n<link rel=\"stylesheet\" \
         href=\"/docs/docs.css\">\n<main class=\"prose\">\n{body}\n<p><a href=\"/problems\">All problems</a> · <a \
         href=\"/docs\">API reference</a></p>\n</main>\n</html>\n"
    )
}

/// `stock-remains` is `Stock remains`.
fn sentence(slug: &str) -> String {
    let words = slug.replace('-', " ");
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// The few forms of Markdown that our problem pages use: headings, lists, paragraphs, code.
fn html(markdown: &str) -> String {
    let mut out = String::new();
    for block in markdown.split("\n\n").map(str::trim).filter(|block| !block.is_empty()) {
        if let Some(code) = block.strip_prefix("```").and_then(|rest| rest.strip_suffix("```")) {
            let code = code.split_once('\n').map_or(code, |(_, code)| code);
            out.push_str(&format!("<pre><code>{}</code></pre>\n", escape(code)));
        } else if let Some((level, title)) = heading(block) {
            out.push_str(&format!("<h{level}>{}</h{level}>\n", inline(title)));
        } else if block.lines().all(|line| line.starts_with("- ") || line.starts_with("* ") || line.starts_with("  ")) {
            let joined = block.replace("\n  ", " ");
            let items = joined.lines().map(|line| format!("<li>{}</li>", inline(&line[2..])));
            out.push_str(&format!("<ul>{}</ul>\n", items.collect::<String>()));
        } else {
            out.push_str(&format!("<p>{}</p>\n", inline(&block.replace('\n', " "))));
        }
    }
    out
}

fn heading(block: &str) -> Option<(usize, &str)> {
    let level = block.bytes().take_while(|byte| *byte == b'#').count();
    let title = block[level..].strip_prefix(' ')?;
    ((1..=6).contains(&level) && !title.contains('\n')).then_some((level, title))
}

fn inline(text: &str) -> String {
    let pieces = text.split('`').enumerate();
    pieces
        .map(|(index, piece)| if index % 2 == 1 { format!("<code>{}</code>", escape(piece)) } else { escape(piece) })
        .collect()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_page_is_readable_and_harmless() {
        let text =
            html("# No stock\n\nTake `1` < 2,\nor `a<b>`.\n\n- one\n- two\n  lines\n\n```json\n{\"a\": 1}\n```\n");
        assert_eq!(
            text,
            "<h1>No stock</h1>\n<p>Take <code>1</code> &lt; 2, or <code>a&lt;b&gt;</code>.</p>\n<ul><li>one</li><li>two \
             lines</li></ul>\n<pre><code>{&quot;a&quot;: 1}\n</code></pre>\n"
        );
        for bad in ["", "../etc", "UPPER", "a b", "a<b>", &"x".repeat(65)] {
            assert!(problem(bad).is_none(), "{bad}");
        }
        assert!(problem("stock-remains").is_some());
    }
}
