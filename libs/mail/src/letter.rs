//! What a letter says. Each kind is a function that builds one, so a forgotten value does not compile; text and HTML
//! come from the same parts.

use std::fmt;
use std::fmt::Write;

/// A letter to one person.
#[derive(Clone, PartialEq, Eq)]
pub struct Letter {
    /// Such as `password-reset`; it is logged and counted, the rest never is.
    pub kind: &'static str,
    pub to: String,
    pub subject: String,
    parts: Vec<Part>,
}

#[derive(Clone, PartialEq, Eq)]
enum Part {
    Paragraph(String),
    Link { words: String, url: String },
    Code(String),
}

/// It may hold a secret link.
impl fmt::Debug for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Letter").field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl Letter {
    /// `to` is an address, `ada@shop.test` or `Ada <ada@shop.test>`.
    pub fn new(kind: &'static str, to: impl Into<String>, subject: impl Into<String>) -> Self {
        Self { kind, to: to.into(), subject: subject.into(), parts: Vec::new() }
    }

    #[must_use]
    pub fn paragraph(self, text: impl Into<String>) -> Self {
        self.with(Part::Paragraph(text.into()))
    }

    /// A link on a line of its own.
    #[must_use]
    pub fn link(self, words: impl Into<String>, url: impl Into<String>) -> Self {
        self.with(Part::Link { words: words.into(), url: url.into() })
    }

    /// Something to be typed, such as a code.
    #[must_use]
    pub fn code(self, code: impl Into<String>) -> Self {
        self.with(Part::Code(code.into()))
    }

    fn with(mut self, part: Part) -> Self {
        self.parts.push(part);
        self
    }

    pub(crate) fn text(&self) -> String {
        let part = |part: &Part| match part {
            Part::Paragraph(text) => text.clone(),
            Part::Link { words, url } => format!("{words}:\n{url}"),
            Part::Code(code) => format!("    {code}"),
        };
        let mut text = self.parts.iter().map(part).collect::<Vec<_>>().join("\n\n");
        text.push('\n');
        text
    }

    pub(crate) fn html(&self) -> String {
        let mut html = String::from("<!doctype html>\n<html><body>\n");
        for part in &self.parts {
            let _ = match part {
                Part::Paragraph(text) => writeln!(html, "<p>{}</p>", escaped(text)),
                Part::Link { words, url } => {
                    writeln!(html, "<p><a href=\"{}\">{}</a></p>", escaped(url), escaped(words))
                }
                Part::Code(code) => writeln!(html, "<pre>{}</pre>", escaped(code)),
            };
        }
        html.push_str("</body></html>\n");
        html
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_html_say_the_same_and_html_is_escaped() {
        let letter = Letter::new("reset", "ada@shop.test", "Reset")
            .paragraph("Hello <Ada> & co")
            .link("Choose a password", "https://shop.test/reset?token=a&b=\"")
            .code("123 456");
        assert_eq!(
            letter.text(),
            "Hello <Ada> & co\n\nChoose a password:\nhttps://shop.test/reset?token=a&b=\"\n\n    123 456\n"
        );
        let html = letter.html();
        assert!(html.contains("<p>Hello &lt;Ada&gt; &amp; co</p>"), "{html}");
        assert!(html.contains("href=\"https://shop.test/reset?token=a&amp;b=&quot;\""), "{html}");
        assert!(!format!("{letter:?}").contains("token"));
    }
}
