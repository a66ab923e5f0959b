//! Path templates: `/v1/products/{product.id}`.

/// A segment of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Segment<'a> {
    Literal(&'a str),
    Variable(&'a str),
}

/// The segments after the leading slash.
pub(super) fn parse(template: &str) -> Result<Vec<Segment<'_>>, String> {
    let rest = template.strip_prefix('/').ok_or("does not begin with a slash")?;
    rest.split('/').map(segment).collect()
}

fn segment(text: &str) -> Result<Segment<'_>, String> {
    let variable = text.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_.".contains(&byte);
    match variable {
        Some(name) if !name.is_empty() && name.bytes().all(word) => Ok(Segment::Variable(name)),
        Some(name) => Err(format!("{{{name}}} is no field path; patterns are not served")),
        None if text.is_empty() => Err("has an empty segment".to_owned()),
        None if text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) => {
            Ok(Segment::Literal(text))
        }
        None => Err(format!("{text}: a segment is a word or one variable")),
    }
}

/// The template with each variable written by `name`, which is given its place among the variables and its field path.
pub(super) fn render(segments: &[Segment<'_>], mut name: impl FnMut(usize, &str) -> String) -> String {
    let mut out = String::new();
    let mut count = 0;
    for segment in segments {
        out.push('/');
        match segment {
            Segment::Literal(text) => out.push_str(text),
            Segment::Variable(path) => {
                out.push_str(&name(count, path));
                count += 1;
            }
        }
    }
    out
}

/// What callers name the variable: the last word of its field path, in camelCase.
pub(super) fn public(path: &str) -> String {
    camel(path.rsplit('.').next().unwrap_or(path))
}

/// `unit_price` is `unitPrice`.
pub fn camel(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut upper = false;
    for letter in name.chars() {
        match letter {
            '_' => upper = true,
            letter if std::mem::take(&mut upper) => out.push(letter.to_ascii_uppercase()),
            letter => out.push(letter),
        }
    }
    out
}
