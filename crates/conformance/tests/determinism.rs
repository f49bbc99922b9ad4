//! The same seed gives the same weights, bit for bit, on any number of threads and in any process.

mod support;

use cornet_cpu::with_threads;
use cornet_nn::models::Model;
use cornet_nn::training::{FitOptions, Verbose};
use cornet_tensor::Result;

/// A hash of all weights after an epoch of the CNN.
fn weights_after_an_epoch(threads: usize) -> Result<u64> {
    with_threads(threads, || {
        let (x, y) = support::images(if cfg!(debug_assertions) { 320 } else { 12_800 })?;
        let model = support::cnn(11)?;
        model.fit(&x, &y, FitOptions::new().seed(11).epochs(1).verbose(Verbose::Silent))?;
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for weight in model.get_weights()? {
            for &byte in weight.bytes() {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
            }
        }
        Ok(hash)
    })
}

#[test]
fn one_two_and_four_threads_and_a_second_process_train_the_same_weights() -> Result<()> {
    if std::env::var_os("CORNET_TEST_CHILD").is_some() {
        println!("weights {:016x}", weights_after_an_epoch(2)?);
        return Ok(());
    }
    let one = weights_after_an_epoch(1)?;
    assert_eq!(weights_after_an_epoch(2)?, one, "2 threads");
    assert_eq!(weights_after_an_epoch(4)?, one, "4 threads");

    let program = std::env::current_exe().expect("this test's path");
    let name = "one_two_and_four_threads_and_a_second_process_train_the_same_weights";
    let child = std::process::Command::new(program)
        .args([name, "--exact", "--nocapture"])
        .env("CORNET_TEST_CHILD", "1")
        .output()
        .expect("a second process");
    let text = String::from_utf8_lossy(&child.stdout).into_owned();
    assert!(text.contains(&format!("weights {one:016x}")), "{one:016x} in this process, the other says:\n{text}");
    Ok(())
}
