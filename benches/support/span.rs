//! How far measurements lie apart.

/// The smallest and the largest.
pub fn span(values: &[f64], digits: usize) -> String {
    let smallest = values.iter().copied().fold(f64::INFINITY, f64::min);
    let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    format!("{smallest:.digits$} to {largest:.digits$}")
}
