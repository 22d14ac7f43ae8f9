//! How large a radix tree would be, without building it.
//!
//! XINFO STREAM tells how many nodes the tree of a server has. A tree of keys of one length that
//! merges chains has one node for each key's end, one for each place where keys part, and one for
//! each run of bytes between these; so the keys in order are enough to count them.

/// Counts the nodes of a tree of keys of one length, which come in order.
pub(super) fn count_nodes<const LEN: usize>(keys: impl Iterator<Item = [u8; LEN]>) -> usize {
    let mut nodes = 0;
    // How deep keys part, on the way to the last key seen.
    let mut forks: Vec<usize> = Vec::new();
    let mut last: Option<[u8; LEN]> = None;
    for key in keys {
        nodes += 1;
        if let Some(last) = last {
            let shared = last.iter().zip(&key).take_while(|(a, b)| a == b).count();
            nodes += close(&mut forks, shared, LEN);
        }
        last = Some(key);
    }
    if last.is_none() {
        return 1;
    }
    let mut end = LEN;
    while let Some(fork) = forks.pop() {
        nodes += usize::from(end > fork + 1);
        end = fork;
    }
    nodes + usize::from(end > 0)
}

/// Leaves all forks deeper than `shared`, where the next key parts from the last one, and makes
/// sure that there is one. Counts the runs that end, and the new fork.
fn close(forks: &mut Vec<usize>, shared: usize, len: usize) -> usize {
    let mut nodes = 0;
    let mut end = len;
    while let Some(&fork) = forks.last()
        && fork > shared
    {
        nodes += usize::from(end > fork + 1);
        end = fork;
        forks.pop();
    }
    nodes += usize::from(end > shared + 1);
    if forks.last() != Some(&shared) {
        forks.push(shared);
        nodes += 1;
    }
    nodes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forks_ends_and_runs_are_counted() {
        let count = |keys: &[&[u8; 4]]| count_nodes(keys.iter().map(|key| **key));
        assert_eq!(count(&[]), 1);
        assert_eq!(count(&[b"abcd"]), 2);
        // ab, a fork, two runs of one byte, two ends
        assert_eq!(count(&[b"abcd", b"abde"]), 6);
        // abc, a fork, two ends
        assert_eq!(count(&[b"abcd", b"abce"]), 4);
        // ab, a fork, (a fork, two ends), (a run, an end)
        assert_eq!(count(&[b"abcd", b"abce", b"abxe"]), 7);
        // a fork at once, two runs, two ends
        assert_eq!(count(&[b"abcd", b"bbcd"]), 5);
    }
}
