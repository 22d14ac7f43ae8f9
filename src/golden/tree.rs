//! A reply as a tree, in the shape a client of its protocol sees.

use crate::bytes::write_double;
use crate::hub::client::Protocol;
use crate::reply::{Reply, Token};

/// A map holds its keys and values in turns.
#[derive(Debug, Clone)]
pub enum Node {
    Nil,
    Integer(i64),
    Bulk(Vec<u8>),
    Status(String),
    Error(String),
    Double(String),
    Bool(bool),
    Verbatim(Vec<u8>),
    BigNumber(String),
    Array(Vec<Node>),
    Map(Vec<Node>),
    Set(Vec<Node>),
    Push(Vec<Node>),
    /// No reply came.
    Blocked,
    /// No message came.
    Nothing,
    /// The connection ended.
    Closed,
}

impl Node {
    /// Builds the trees of a reply: one, or several where the command pushes.
    pub fn all(reply: &Reply, protocol: Protocol) -> Vec<Self> {
        let mut tokens = reply.tokens();
        std::iter::from_fn(|| tokens.next().map(|token| build(token, &mut tokens, protocol)))
            .collect()
    }

    /// What `@any` calls it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Nil => "nil",
            Self::Integer(_) => "integer",
            Self::Bulk(_) => "string",
            Self::Status(_) => "status",
            Self::Error(_) => "error",
            Self::Double(_) => "double",
            Self::Bool(_) => "bool",
            Self::Verbatim(_) => "verbatim",
            Self::BigNumber(_) => "bignum",
            Self::Array(_) => "array",
            Self::Map(_) => "map",
            Self::Set(_) => "set",
            Self::Push(_) => "push",
            Self::Blocked => "blocked",
            Self::Nothing => "nothing",
            Self::Closed => "closed",
        }
    }
}

fn build<'a>(
    token: Token<'a>,
    rest: &mut impl Iterator<Item = Token<'a>>,
    protocol: Protocol,
) -> Node {
    let mut children = Vec::new();
    for _ in 0..token.children() {
        let child = rest.next().expect("a reply holds the children it announces");
        children.push(build(child, rest, protocol));
    }
    let resp3 = protocol == Protocol::Resp3;
    match token {
        Token::Nil | Token::NilArray => Node::Nil,
        Token::Int(value) => Node::Integer(value),
        Token::Status(value) => Node::Status(lossy(value)),
        Token::Ok => Node::Status("OK".into()),
        Token::Error(value) => Node::Error(lossy(value)),
        Token::Double(value) if resp3 => Node::Double(lossy(&double(value))),
        Token::Double(value) => Node::Bulk(double(value)),
        Token::DoubleText(digits) if resp3 => Node::Double(lossy(digits)),
        Token::Bool(value) if resp3 => Node::Bool(value),
        Token::Bool(value) => Node::Integer(value.into()),
        Token::Verbatim(value) if resp3 => Node::Verbatim(value.to_vec()),
        Token::BigNumber(value) if resp3 => Node::BigNumber(lossy(value)),
        Token::Bulk(value)
        | Token::DoubleText(value)
        | Token::Verbatim(value)
        | Token::BigNumber(value) => Node::Bulk(value.to_vec()),
        Token::Map(_) if resp3 => Node::Map(children),
        Token::Set(_) if resp3 => Node::Set(children),
        Token::Push(_) if resp3 => Node::Push(children),
        Token::Array(_) | Token::Map(_) | Token::Set(_) | Token::Push(_) => Node::Array(children),
    }
}

fn double(value: f64) -> Vec<u8> {
    let mut text = smallvec::SmallVec::<[u8; 32]>::new();
    write_double(&mut text, value);
    text.to_vec()
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
