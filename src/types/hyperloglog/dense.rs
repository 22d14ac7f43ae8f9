//! Registers of six bits side by side: four of them in three bytes, the first in the lowest bits.

use super::Registers;

/// The two bytes in which a register lies, and by how much it is shifted there.
fn place(registers: &[u8], index: usize) -> (usize, u16, usize) {
    let at = index * 6 / 8;
    let high = registers.get(at + 1).copied().unwrap_or(0);
    (at, u16::from_le_bytes([registers[at], high]), index * 6 % 8)
}

pub fn get(registers: &[u8], index: usize) -> u8 {
    let (_, pair, shift) = place(registers, index);
    (pair >> shift) as u8 & 63
}

pub fn set(registers: &mut [u8], index: usize, value: u8) {
    let (at, pair, shift) = place(registers, index);
    let [low, high] = (pair & !(63 << shift) | u16::from(value) << shift).to_le_bytes();
    registers[at] = low;
    if let Some(next) = registers.get_mut(at + 1) {
        *next = high;
    }
}

fn unpack([a, b, c]: [u8; 3]) -> [u8; 4] {
    [a & 63, (a >> 6 | b << 2) & 63, (b >> 4 | c << 4) & 63, c >> 2]
}

/// Appends all registers.
pub fn push_all(bytes: &mut Vec<u8>, registers: &Registers) {
    for [a, b, c, d] in registers.as_chunks().0 {
        bytes.extend([a | b << 6, b >> 2 | c << 4, c >> 4 | d << 2]);
    }
}

pub fn highest(registers: &[u8], highest: &mut Registers) {
    let (triples, _) = registers.as_chunks();
    for (slots, triple) in highest.as_chunks_mut::<4>().0.iter_mut().zip(triples) {
        for (slot, value) in slots.iter_mut().zip(unpack(*triple)) {
            *slot = (*slot).max(value);
        }
    }
}

/// How many registers have each value. Four counts at a time: equal neighbours, which are common,
/// would otherwise wait for each other.
pub fn histogram(registers: &[u8]) -> [u32; 64] {
    let mut counts = [[0; 64]; 4];
    for triple in registers.as_chunks().0 {
        for (count, value) in counts.iter_mut().zip(unpack(*triple)) {
            count[usize::from(value)] += 1;
        }
    }
    std::array::from_fn(|value| counts.iter().map(|count| count[value]).sum())
}
