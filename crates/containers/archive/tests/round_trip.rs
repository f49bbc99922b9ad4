//! What is written is what is read, also when the writer is killed.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use cornet_archive::{Archive, ArchiveWriter, ReadAt};
use cornet_error::{Code, Error, Limits};

fn folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("cornet-archive-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    path
}

#[test]
fn entries_come_back_and_the_same_input_gives_the_same_bytes() {
    let folder = folder("round-trip");
    let (one, two) = (folder.join("1.zip"), folder.join("2.zip"));
    for path in [&one, &two] {
        ArchiveWriter::write(path, |zip| {
            zip.add("config.json", b"{}")?;
            zip.add("assets/ü.txt", "käse".as_bytes())?;
            zip.add_with("pieces", 1 << 20, |writer| {
                for piece in 0..16_u8 {
                    writer.write_all(&[piece; 1000]).map_err(|e| Error::io("write", path, &e))?;
                }
                Ok(())
            })
        })
        .unwrap();
    }
    assert_eq!(std::fs::read(&one).unwrap(), std::fs::read(&two).unwrap());
    let archive = Archive::open(&one, &Limits::default()).unwrap();
    let names: Vec<&str> = archive.entries().map(|e| e.name.as_str()).collect();
    assert_eq!(names, ["assets/ü.txt", "config.json", "pieces"]);
    assert_eq!(archive.read("assets/ü.txt").unwrap(), "käse".as_bytes());
    let section = archive.section("pieces").unwrap().unwrap();
    let mut last = [0; 1000];
    section.read_exact_at(15_000, &mut last).unwrap();
    assert_eq!((section.len(), last), (16_000, [15; 1000]));
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_failed_write_keeps_the_old_archive() {
    let folder = folder("failed");
    let path = folder.join("a.zip");
    ArchiveWriter::write(&path, |zip| zip.add("a", b"old")).unwrap();
    for wrong in ["a", "../b"] {
        let result = ArchiveWriter::write(&path, |zip| {
            zip.add("a", b"new")?;
            zip.add(wrong, b"")
        });
        assert!(matches!(result.unwrap_err().code(), Code::AlreadyExists | Code::Unsafe));
        assert_eq!(Archive::open(&path, &Limits::default()).unwrap().read("a").unwrap(), b"old");
    }
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
    std::fs::remove_dir_all(folder).unwrap();
}

const CHILD: &str = "CORNET_ARCHIVE_TEST_CHILD";

/// Not a test by itself: the process that [`a_killed_writer_leaves_a_whole_file`] starts and kills.
#[test]
fn child_that_saves_forever() {
    let Some(path) = std::env::var_os(CHILD) else { return };
    for generation in 0_u8.. {
        save(Path::new(&path), generation);
        if generation == u8::MAX {
            break;
        }
    }
}

fn save(path: &Path, generation: u8) {
    ArchiveWriter::write(path, |zip| {
        zip.add("first", &[generation; 100_000])?;
        zip.add("second", &[generation; 100_000])
    })
    .unwrap();
}

#[test]
fn a_killed_writer_leaves_a_whole_file() {
    let folder = folder("killed");
    let path = folder.join("a.zip");
    save(&path, 0);
    let mut generations = std::collections::BTreeSet::new();
    for turn in 0..25 {
        let before = std::fs::metadata(&path).unwrap().modified().unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["child_that_saves_forever", "--exact"])
            .env(CHILD, &path)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        // On a busy machine the child needs a while to its first save; from then on any moment will do.
        for _ in 0..2000 {
            if std::fs::metadata(&path).unwrap().modified().unwrap() != before {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        std::thread::sleep(Duration::from_millis(3 * turn));
        child.kill().unwrap();
        child.wait().unwrap();
        let archive = Archive::open(&path, &Limits::default()).unwrap();
        let (first, second) = (archive.read("first").unwrap(), archive.read("second").unwrap());
        assert!(first == second && first.iter().all(|byte| *byte == first[0]), "turn {turn}: a mixed file");
        generations.insert(first[0]);
    }
    assert!(generations.len() > 1, "the child never got to save");
    std::fs::remove_dir_all(folder).unwrap();
}
