//! Replies as bytes, in the shapes of RESP2 or RESP3.

use crate::bytes::write_double;
use crate::reply::{Reply, Token};

/// Appends a reply as a RESP2 client reads it.
pub fn write_resp2(out: &mut Vec<u8>, reply: &Reply) {
    for token in reply.tokens() {
        match token {
            Token::Nil => out.extend_from_slice(b"$-1\r\n"),
            Token::NilArray => out.extend_from_slice(b"*-1\r\n"),
            Token::Bulk(text)
            | Token::Verbatim(text)
            | Token::BigNumber(text)
            | Token::DoubleText(text) => bulk(out, text),
            Token::Bool(value) => number(out, b':', i64::from(value)),
            Token::Map(pairs) => number(out, b'*', pairs as i64 * 2),
            Token::Array(len) | Token::Set(len) | Token::Push(len) => {
                number(out, b'*', len as i64);
            }
            Token::Double(value) => {
                let mut text = smallvec::SmallVec::<[u8; 32]>::new();
                write_double(&mut text, value);
                bulk(out, &text);
            }
            Token::Ok => out.extend_from_slice(b"+OK\r\n"),
            Token::Int(value) => number(out, b':', value),
            Token::Status(text) => line(out, b'+', text),
            Token::Error(text) => line(out, b'-', text),
        }
    }
}

/// Appends a reply as a RESP3 client reads it.
pub fn write_resp3(out: &mut Vec<u8>, reply: &Reply) {
    for token in reply.tokens() {
        match token {
            Token::Nil | Token::NilArray => out.extend_from_slice(b"_\r\n"),
            Token::Bulk(text) => bulk(out, text),
            Token::Bool(value) => out.extend_from_slice(if value { b"#t\r\n" } else { b"#f\r\n" }),
            Token::Array(len) => number(out, b'*', len as i64),
            Token::Map(pairs) => number(out, b'%', pairs as i64),
            Token::Set(len) => number(out, b'~', len as i64),
            Token::Push(len) => number(out, b'>', len as i64),
            Token::BigNumber(digits) => line(out, b'(', digits),
            Token::DoubleText(digits) => line(out, b',', digits),
            Token::Double(value) => {
                out.push(b',');
                write_double(out, value);
                out.extend_from_slice(b"\r\n");
            }
            Token::Verbatim(text) => {
                number(out, b'=', text.len() as i64 + 4);
                out.extend_from_slice(b"txt:");
                out.extend_from_slice(text);
                out.extend_from_slice(b"\r\n");
            }
            Token::Ok => out.extend_from_slice(b"+OK\r\n"),
            Token::Int(value) => number(out, b':', value),
            Token::Status(text) => line(out, b'+', text),
            Token::Error(text) => line(out, b'-', text),
        }
    }
}

/// Appends a bulk string.
#[inline]
pub fn bulk(out: &mut Vec<u8>, text: &[u8]) {
    out.reserve(text.len() + 24);
    number(out, b'$', text.len() as i64);
    out.extend_from_slice(text);
    out.extend_from_slice(b"\r\n");
}

/// Appends a simple string or an error.
#[inline]
pub fn line(out: &mut Vec<u8>, mark: u8, text: &[u8]) {
    out.push(mark);
    out.extend_from_slice(text);
    out.extend_from_slice(b"\r\n");
}

#[inline]
fn number(out: &mut Vec<u8>, mark: u8, value: i64) {
    if let Ok(digit @ 0..=9) = u8::try_from(value) {
        out.extend_from_slice(&[mark, b'0' + digit, b'\r', b'\n']);
        return;
    }
    out.push(mark);
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rich() -> Reply {
        let mut reply = Reply::new();
        reply.map(1);
        reply.bulk(b"k");
        reply.set(2);
        reply.double(1.5);
        reply.bool(true);
        reply.push(5);
        reply.nil();
        reply.nil_array();
        reply.verbatim(b"text");
        reply.big_number(b"12345678901234567890");
        reply.int(-42);
        reply.ok();
        reply.status("PONG");
        reply.error_text(b"ERR no");
        reply
    }

    #[test]
    fn both_protocols_are_written_as_servers_do() {
        let (mut two, mut three) = (Vec::new(), Vec::new());
        write_resp2(&mut two, &rich());
        write_resp3(&mut three, &rich());
        assert_eq!(
            two.escape_ascii().to_string(),
            "*2\\r\\n$1\\r\\nk\\r\\n*2\\r\\n$3\\r\\n1.5\\r\\n:1\\r\\n*5\\r\\n$-1\\r\\n*-1\\r\\n\
             $4\\r\\ntext\\r\\n$20\\r\\n12345678901234567890\\r\\n:-42\\r\\n+OK\\r\\n+PONG\\r\\n\
             -ERR no\\r\\n"
        );
        assert_eq!(
            three.escape_ascii().to_string(),
            "%1\\r\\n$1\\r\\nk\\r\\n~2\\r\\n,1.5\\r\\n#t\\r\\n>5\\r\\n_\\r\\n_\\r\\n\
             =8\\r\\ntxt:text\\r\\n(12345678901234567890\\r\\n:-42\\r\\n+OK\\r\\n+PONG\\r\\n\
             -ERR no\\r\\n"
        );
    }
}
