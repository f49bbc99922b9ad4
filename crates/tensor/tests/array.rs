//! Literals, sharing, and the errors of typed access.

use cornet_tensor::{Array, Code, Complex32, DType, Shape, bf16, f16};

fn shape_of(array: cornet_tensor::Result<Array>) -> Shape {
    array.unwrap().shape().clone()
}

#[test]
fn literals_nest_arrays_vectors_and_slices() {
    assert_eq!(shape_of(Array::from_literal(1.5_f32)), Shape::scalar());
    assert_eq!(shape_of(Array::from_literal([[[1_u8; 4]; 3]; 2])), Shape::new(&[2, 3, 4]));
    assert_eq!(shape_of(Array::from_literal(vec![[1, 2], [3, 4]])), Shape::new(&[2, 2]));
    assert_eq!(shape_of(Array::from_literal(&[1, 2, 3][1..])), Shape::new(&[2]));
    assert_eq!(shape_of(Array::from_literal([vec![true], vec![false]])), Shape::new(&[2, 1]));
    let words = Array::from_literal([["a", "b"], ["c", "d"]]).unwrap();
    assert_eq!(words.to_vec::<String>().unwrap(), ["a", "b", "c", "d"]);
}

#[test]
fn the_element_type_of_a_literal_is_its_dtype() {
    let found = [
        Array::from_literal(true),
        Array::from_literal(1_i32),
        Array::from_literal(1_u64),
        Array::from_literal(1.0),
        Array::from_literal(f16::ONE),
        Array::from_literal(bf16::ONE),
        Array::from_literal(Complex32::new(0.0, 1.0)),
        Array::from_literal("x"),
    ];
    use DType::{BF16, Bool, C64, F16, F64, I32, Str, U64};
    let dtypes: Vec<DType> = found.into_iter().map(|a| a.unwrap().dtype()).collect();
    assert_eq!(dtypes, [Bool, I32, U64, F64, F16, BF16, C64, Str]);
}

#[test]
fn empty_literals_keep_the_axes_that_can_be_seen() {
    assert_eq!(shape_of(Array::from_literal(Vec::<f32>::new())), Shape::new(&[0]));
    assert_eq!(shape_of(Array::from_literal([[0.0_f32; 0]; 3])), Shape::new(&[3, 0]));
    assert_eq!(shape_of(Array::from_literal(Vec::<Vec<f32>>::new())), Shape::new(&[0]));
}

#[test]
fn ragged_literals_are_refused() {
    for ragged in [vec![vec![1, 2], vec![3]], vec![vec![], vec![1]], vec![vec![1], vec![]]] {
        assert_eq!(Array::from_literal(ragged.clone()).unwrap_err().code(), Code::ShapeMismatch, "{ragged:?}");
    }
    let deep = vec![vec![vec![1], vec![2]], vec![vec![3], vec![4, 5]]];
    assert_eq!(Array::from_literal(deep).unwrap_err().code(), Code::ShapeMismatch);
}

#[test]
fn writing_copies_shared_data_only() {
    let mut a = Array::from_literal([1_i32, 2]).unwrap();
    let before = a.bytes().as_ptr();
    a.as_mut_slice::<i32>().unwrap()[0] = 7;
    assert_eq!(a.bytes().as_ptr(), before);
    let b = a.clone();
    assert!(!a.is_unique());
    a.as_mut_slice::<i32>().unwrap()[0] = 9;
    assert_eq!((a.to_vec::<i32>().unwrap(), b.to_vec::<i32>().unwrap()), (vec![9, 2], vec![7, 2]));
    assert!(a.is_unique());
}

#[test]
fn data_start_on_cache_lines() {
    for n in [0, 1, 63, 64, 65, 1000] {
        let a = Array::from_vec(vec![1_u8; n], [n]).unwrap();
        assert_eq!(a.bytes().as_ptr() as usize % 64, 0);
        assert_eq!(a.bytes().len(), n);
    }
}

#[test]
fn wrong_counts_types_and_shapes_are_errors() {
    let a = Array::from_literal([1.0_f32, 2.0]).unwrap();
    assert_eq!(a.to_vec::<f64>().unwrap_err().code(), Code::DtypeMismatch);
    assert_eq!(a.strings().unwrap_err().code(), Code::DtypeMismatch);
    assert_eq!(a.item::<f32>().unwrap_err().code(), Code::ShapeMismatch);
    assert_eq!(a.reshaped([3]).unwrap_err().code(), Code::ShapeMismatch);
    assert_eq!(Array::from_vec(vec![1_i32], [2]).unwrap_err().code(), Code::ShapeMismatch);
    assert_eq!(Array::from_strings(vec![], [1]).unwrap_err().code(), Code::ShapeMismatch);
    assert_eq!(Array::from_bytes(DType::F32, [1], &[0; 3]).unwrap_err().code(), Code::ShapeMismatch);
    assert_eq!(Array::from_bytes(DType::Str, [1], b"a").unwrap_err().code(), Code::DtypeMismatch);
    assert_eq!(Array::full(DType::Str, [1], 0.0).unwrap_err().code(), Code::DtypeMismatch);
    let latin = Array::from_strings(vec![b"caf\xe9".to_vec()], [1]).unwrap();
    assert_eq!(latin.to_vec::<String>().unwrap_err().code(), Code::InvalidArgument);
}

#[test]
fn full_writes_the_rounded_value_everywhere() {
    for dtype in DType::ALL.iter().copied().filter(|&d| d != DType::Str) {
        for value in [0.0, -0.0, 1.0, 2.75] {
            let expected = Array::from_f64(dtype, [2, 3], &[value; 6]).unwrap();
            assert_eq!(Array::full(dtype, [2, 3], value).unwrap(), expected, "{dtype} {value}");
        }
        assert_eq!(Array::full(dtype, [0], 1.0).unwrap().elements(), 0);
    }
}

#[test]
fn equality_is_of_bits() {
    let nan = Array::scalar(f32::NAN);
    assert_eq!(nan, nan.clone());
    assert_ne!(Array::scalar(0.0_f32), Array::scalar(-0.0_f32));
    assert_ne!(Array::scalar(0_i32), Array::scalar(0.0_f32));
    assert_ne!(Array::zeros(DType::F32, [0, 1]), Array::zeros(DType::F32, [1, 0]));
}

#[test]
fn dtype_names_read_back() {
    for dtype in DType::ALL {
        assert_eq!(dtype.name().parse::<DType>().unwrap(), *dtype);
    }
    assert_eq!("float31".parse::<DType>().unwrap_err().code(), Code::DtypeMismatch);
}
