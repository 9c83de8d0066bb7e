//! What the unit tests of the operations share.

use candle_core::{Tensor, Var};

/// That two results and their gradients for all inputs agree to rounding of f64.
pub(super) fn assert_close(a: &Tensor, b: &Tensor, inputs: &[&Var]) {
    let close = |a: &Tensor, b: &Tensor| {
        let difference = (a - b).unwrap().abs().unwrap().flatten_all().unwrap().max(0).unwrap();
        assert!(difference.to_scalar::<f64>().unwrap() < 1e-13, "{a} {b}");
    };
    close(a, b);
    // A different factor for each output.
    let gradients = |output: &Tensor| {
        let factors = Tensor::arange(1.0, 1.0 + output.elem_count() as f64, output.device()).unwrap();
        let factors = factors.sin().unwrap().reshape(output.shape()).unwrap();
        (output * factors).unwrap().sum_all().unwrap().backward().unwrap()
    };
    let (a, b) = (gradients(a), gradients(b));
    for input in inputs {
        close(a.get(input).unwrap(), b.get(input).unwrap());
    }
}
