//! A training that is killed again and again, at any moment, ends with the weights of one that was left alone.

mod support;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use cornet_cpu as _;
use cornet_nn::callbacks::{BackupAndRestore, EarlyStopping, ReduceLROnPlateau};
use cornet_nn::layers::{Dense, Dropout, Flatten, Input};
use cornet_nn::models::{Model, Sequential};
use cornet_nn::random::Key;
use cornet_nn::training::{FitOptions, Verbose};
use cornet_tensor::Result;

/// How often a training is killed.
const KILLS: u64 = 20;
const CHILD: &str = "CORNET_KILL_RESUME_BACKUP";
const NAME: &str = "a_training_that_is_killed_at_random_moments_ends_with_the_same_bits";

/// Trains with a backup in a folder, if there is one, and returns a hash of the weights.
fn train(backup: Option<&Path>, steps: usize) -> Result<u64> {
    let (x, y) = support::images(240)?;
    let model = Sequential::new()
        .seed(17)
        .add(Input::new([28, 28, 1]))
        .add(Flatten::new())
        .add(Dense::new(96).activation("relu"))
        .add(Dropout::new(0.4))
        .add(Dense::new(10).activation("softmax"));
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])?;
    let mut callback = backup.map(BackupAndRestore::new);
    if let (Some(callback), true) = (&mut callback, steps > 0) {
        *callback = callback.clone().save_freq(steps).double_checkpoint(true);
    }
    let mut reduce = ReduceLROnPlateau::new().monitor("val_loss").patience(1).factor(0.7).min_delta(0.05);
    let mut stop = EarlyStopping::new().monitor("val_accuracy").patience(30).restore_best_weights(true);
    let mut options = FitOptions::new().seed(23).epochs(8).batch_size(16).validation_split(0.1);
    if let Some(callback) = &mut callback {
        options = options.callback(callback);
    }
    model.fit(&x, &y, options.callback(&mut reduce).callback(&mut stop).verbose(Verbose::Silent))?;
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for weight in model.get_weights()? {
        for &byte in weight.bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    Ok(hash)
}

fn start(backup: &Path, steps: usize) -> Child {
    Command::new(std::env::current_exe().expect("this test's path"))
        .args([NAME, "--exact", "--nocapture"])
        .env(CHILD, backup)
        .env("CORNET_KILL_RESUME_STEPS", steps.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("a child")
}

/// The hash that a child which was left alone prints.
fn finish(child: Child) -> u64 {
    let output = child.wait_with_output().expect("the child's output");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let hash = text.split("weights ").nth(1).and_then(|rest| u64::from_str_radix(rest.get(..16)?, 16).ok());
    hash.unwrap_or_else(|| panic!("no weights in what the child says:\n{text}"))
}

#[test]
fn a_training_that_is_killed_at_random_moments_ends_with_the_same_bits() -> Result<()> {
    if let Some(backup) = std::env::var_os(CHILD) {
        let steps = std::env::var("CORNET_KILL_RESUME_STEPS").ok().and_then(|s| s.parse().ok()).unwrap_or(0);
        println!("weights {:016x}", train(Some(Path::new(&backup)), steps)?);
        return Ok(());
    }
    let whole = train(None, 0)?;
    let folder: PathBuf = std::env::temp_dir().join(format!("cornet-kill-resume-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    let begun = Instant::now();
    assert_eq!(finish(start(&folder.join("alone"), 3)), whole, "a backup changes nothing");
    let alone = begun.elapsed();
    let (mut kills, mut trainings, mut resumed) = (0, 0_usize, 0);
    while kills < KILLS {
        // Backups after epochs, and after every third step, in turns.
        let (backup, steps) = (folder.join(trainings.to_string()), 3 * (trainings % 2));
        loop {
            resumed += usize::from(backup.join("latest.weights.h5").exists());
            let mut child = start(&backup, steps);
            let [random, _] = Key::new(41).block(kills);
            let share = f64::from(random) / f64::from(u32::MAX);
            std::thread::sleep(Duration::from_secs_f64(alone.as_secs_f64() * share));
            let has_ended = child.try_wait().expect("the child's state").is_some();
            if !has_ended && kills < KILLS {
                child.kill().expect("a killed child");
                child.wait().expect("the child's end");
                kills += 1;
                continue;
            }
            assert_eq!(finish(child), whole, "training {trainings} after {kills} kills");
            assert!(!backup.exists(), "the backup is deleted at the end");
            break;
        }
        trainings += 1;
    }
    let _ = std::fs::remove_dir_all(&folder);
    assert!(resumed > 0, "no training went on from a backup");
    println!("{kills} kills in {trainings} trainings, {resumed} resumed");
    Ok(())
}
