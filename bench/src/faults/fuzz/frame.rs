//! Breaking bytes, and reading the status of gRPC-web.

use bytes::Bytes;
use rand::Rng;
use rand::rngs::StdRng;

use crate::http::Answer;

/// Breaks bytes at random.
pub(super) fn broken(bytes: &[u8], random: &mut StdRng) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..random.random_range(1..=3) {
        let at = if bytes.is_empty() { 0 } else { random.random_range(0..bytes.len()) };
        match random.random_range(0..7) {
            0 if !bytes.is_empty() => bytes[at] ^= 1 << random.random_range(0..8),
            1 => bytes.truncate(at),
            2 => bytes.insert(at, random.random()),
            3 if !bytes.is_empty() => drop(bytes.remove(at)),
            4 => {
                let end = (at + random.random_range(1..40)).min(bytes.len());
                let slice = bytes[at..end].to_vec();
                bytes.splice(at..at, slice);
            }
            5 => bytes.extend((0..random.random_range(1..64)).map(|_| random.random::<u8>())),
            _ => {
                let end = (at + random.random_range(1..16)).min(bytes.len());
                bytes[at..end].iter_mut().for_each(|byte| *byte = random.random());
            }
        }
    }
    bytes
}

/// A message in its gRPC-web frame: a flag, the length, the bytes. Some frames lie.
pub(super) fn grpc_web(message: &[u8], random: &mut StdRng) -> Bytes {
    let mut length = u32::try_from(message.len()).unwrap_or(0);
    let mut flag = 0_u8;
    match random.random_range(0..12) {
        0 => length = random.random(),
        1 => length = length.wrapping_add(random.random_range(1..9)),
        2 => length = length.saturating_sub(random.random_range(1..9)),
        3 => flag = random.random(),
        _ => {}
    }
    let mut frame = vec![flag];
    frame.extend(length.to_be_bytes());
    frame.extend(message);
    if random.random_range(0..12) == 0 {
        frame = broken(&frame, random);
    }
    frame.into()
}

/// The `grpc-status` of an answer: in its headers, or in the frame of trailers at its end.
pub(super) fn grpc_status(answer: &Answer) -> Option<u16> {
    if let Some(status) = answer.headers.get("grpc-status") {
        return status.to_str().ok()?.parse().ok();
    }
    let mut rest = &answer.body[..];
    while rest.len() >= 5 {
        let length = usize::try_from(u32::from_be_bytes(rest[1..5].try_into().ok()?)).ok()?;
        let frame = rest.get(5..5 + length)?;
        if rest[0] & 0x80 != 0 {
            let text = String::from_utf8_lossy(frame).to_lowercase();
            let line = text.lines().find_map(|line| line.strip_prefix("grpc-status:").map(str::to_owned))?;
            return line.trim().parse().ok();
        }
        rest = &rest[5 + length..];
    }
    None
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn the_status_is_read_from_the_trailers_at_the_end() {
        let mut body = vec![0, 0, 0, 0, 2, 8, 1];
        let trailers = b"grpc-status:13\r\ngrpc-message:oh\r\n";
        body.push(0x80);
        body.extend(u32::try_from(trailers.len()).unwrap().to_be_bytes());
        body.extend(trailers);
        let answer = Answer { status: 200, headers: HeaderMap::new(), body: body.into() };
        assert_eq!(grpc_status(&answer), Some(13));
        let nothing = Answer { status: 200, headers: HeaderMap::new(), body: Bytes::new() };
        assert_eq!(grpc_status(&nothing), None);
    }

    #[test]
    fn the_same_seed_breaks_the_same_bytes() {
        let bytes = b"{\"quantity\": \"2\"}";
        let one = broken(bytes, &mut StdRng::seed_from_u64(7));
        assert_eq!(one, broken(bytes, &mut StdRng::seed_from_u64(7)));
        for seed in 0..500 {
            broken(bytes, &mut StdRng::seed_from_u64(seed));
            broken(b"", &mut StdRng::seed_from_u64(seed));
        }
    }
}
