//! What PFSELFTEST runs: do registers keep what is put into them, do both encodings agree, and are
//! estimates as good as promised?

use super::{REGISTERS, add, count, dense, empty, is_dense, make_dense};
use crate::types::random::Rng;

/// How often all registers are set, and read again.
const ROUNDS: usize = 2;
/// The promised standard error is 0.81 %; this is more than eleven times as much.
const ERROR_MAX: f64 = 0.091;

/// Goes through so many elements, of which some thousands make a sparse value dense. `Err` holds
/// what is wrong.
pub fn self_test(elements: u64) -> Result<(), String> {
    registers_keep_what_is_put_into_them()?;
    estimates_are_close(elements)
}

fn registers_keep_what_is_put_into_them() -> Result<(), String> {
    let mut rng = Rng::new(1);
    let mut packed = vec![0; REGISTERS * 6 / 8];
    let mut plain = vec![0; REGISTERS];
    for _ in 0..ROUNDS {
        for (index, value) in plain.iter_mut().enumerate() {
            *value = rng.below(64) as u8;
            dense::set(&mut packed, index, *value);
        }
        for (index, value) in plain.iter().enumerate() {
            let got = dense::get(&packed, index);
            if got != *value {
                return Err(format!("register {index} holds {got}, not {value}"));
            }
        }
    }
    Ok(())
}

fn estimates_are_close(elements: u64) -> Result<(), String> {
    let fault = |what: &str| Err(format!("{what} fails"));
    let mut rng = Rng::new(2);
    let mut sparse = empty();
    let mut dense = empty();
    if make_dense(&mut dense).is_err() {
        return fault("making an empty value dense");
    }
    let mut checkpoint = 1;
    for seen in 1..=elements {
        let element = rng.next_u64().to_le_bytes();
        for bytes in [&mut sparse, &mut dense] {
            if add(bytes, &element, 3000).is_err() {
                return fault("adding an element");
            }
        }
        if seen != checkpoint && seen != elements {
            continue;
        }
        checkpoint *= 10;
        let (Ok(estimate), Ok(other)) = (count(&dense), count(&sparse)) else {
            return fault("an estimate");
        };
        if estimate != other {
            return Err(format!("dense estimates {estimate}, sparse {other}"));
        }
        let allowed = (seen as f64 * ERROR_MAX).ceil();
        if (estimate as f64 - seen as f64).abs() > allowed {
            return Err(format!("estimates {estimate} for {seen} elements"));
        }
    }
    if is_dense(&sparse) { Ok(()) } else { fault("becoming dense") }
}
