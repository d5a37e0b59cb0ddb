//! Values that occur often, each kept once.

use std::collections::HashMap;
use std::hash::Hash;

use super::pieces::place;

/// Values, and their numbers.
#[derive(Debug)]
pub(super) struct Names<T> {
    pub(super) all: Vec<T>,
    pub(super) numbers: HashMap<T, u32>,
    /// Of the last call: the same name often comes again, and comparing is cheaper than hashing.
    last: u32,
}

impl<T> Default for Names<T> {
    fn default() -> Self {
        Self {
            all: Vec::new(),
            numbers: HashMap::new(),
            last: 0,
        }
    }
}

impl<T: Clone + Eq + Hash> Names<T> {
    pub(super) fn number(&mut self, name: &T) -> u32 {
        if self.all.get(self.last as usize) == Some(name) {
            return self.last;
        }
        self.last = self.numbers.get(name).copied().unwrap_or_else(|| {
            let number = place(self.all.len());
            self.all.push(name.clone());
            self.numbers.insert(name.clone(), number);
            number
        });
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_number() {
        let mut names = Names::default();
        let numbers = ["a", "b", "b", "a", "a", "c", "a"].map(|it| names.number(&it));
        assert_eq!(numbers, [0, 1, 1, 0, 0, 2, 0]);
        assert_eq!(names.all, ["a", "b", "c"]);
    }
}
