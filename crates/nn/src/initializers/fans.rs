use cornet_tensor::Shape;

/// How many inputs and outputs a unit of a kernel has: of `[inputs, outputs]`, or of `[taps…, inputs, outputs]`.
pub(super) fn fans(shape: &Shape, input_axes: Option<&[usize]>, output_axes: Option<&[usize]>) -> (f64, f64) {
    let product = |axes: &[usize]| axes.iter().filter_map(|&a| shape.get(a)).product::<usize>() as f64;
    if let (Some(inputs), Some(outputs)) = (input_axes, output_axes) {
        return (product(inputs), product(outputs));
    }
    match shape[..] {
        [] => (1.0, 1.0),
        [n] => (n as f64, n as f64),
        [ref taps @ .., inputs, outputs] => {
            let reach = taps.iter().product::<usize>() as f64;
            (inputs as f64 * reach, outputs as f64 * reach)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fans_count_the_taps_of_a_kernel() {
        let of = |shape: &[usize]| fans(&Shape::new(shape), None, None);
        assert_eq!(of(&[]), (1.0, 1.0));
        assert_eq!(of(&[7]), (7.0, 7.0));
        assert_eq!(of(&[784, 128]), (784.0, 128.0));
        assert_eq!(of(&[3, 3, 16, 32]), (144.0, 288.0));
        assert_eq!(fans(&Shape::new(&[2, 3, 5]), Some(&[0]), Some(&[1, 2])), (2.0, 15.0));
    }
}
