//! PNG and JPEG, resized to what the model takes.

use std::path::{Path, PathBuf};

use cornet_error::{Error, Limits, Result, err, fail};
use cornet_tensor::Array;
use image::imageops::FilterType;
use image::{DynamicImage, ImageError, ImageReader};

/// What pixels become.
#[derive(Clone, Copy, Debug)]
pub struct Pixels {
    /// What they are divided by.
    pub scale: f32,
    /// Whether dark and light are exchanged: ink on paper as light on dark.
    pub invert: bool,
}

/// Pixels of an edge, beyond which an image is refused.
const EDGE_MAX: u32 = 1 << 15;
const ENDINGS: [&str; 3] = ["png", "jpg", "jpeg"];

/// Whether the name is one of an image.
pub fn is_image(path: &Path) -> bool {
    ENDINGS.contains(&super::ending(path).as_str())
}

/// The images in a folder, by name.
///
/// # Errors
/// `io`; `empty_data` if there are none.
pub fn in_folder(folder: &Path) -> Result<Vec<PathBuf>> {
    let failed = |e: std::io::Error| Error::io("read the folder", folder, &e);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_file() && is_image(&path) {
            found.push(path);
        }
    }
    found.sort();
    if found.is_empty() {
        fail!(EmptyData, "{}: expected .png or .jpg files, found none", folder.display());
    }
    Ok(found)
}

/// Images as `[examples, rows, columns]` or, if the model takes channels, with an axis of 1 or 3.
///
/// # Errors
/// `shape_mismatch` for a model that takes no images; `corrupt`, `unsupported_format`, `limit_exceeded`, `io`.
pub fn read(paths: &[PathBuf], example: &[Option<usize>], pixels: Pixels, limits: &Limits) -> Result<Array> {
    let (height, width, channels) = match *example {
        [height, width] => (height, width, None),
        [height, width, Some(channels @ (1 | 3))] => (height, width, Some(channels)),
        _ => {
            let axes: Vec<String> = example.iter().map(|n| n.map_or("any".into(), |n| n.to_string())).collect();
            return Err(err!(ShapeMismatch, "images: expected a model of [rows, columns] or [rows, columns, 1 or 3]")
                .operand("model", format!("[{}]", axes.join(", ")))
                .help("give the model's own input as .npy"));
        }
    };
    let mut values = Vec::new();
    let mut size = (height, width);
    for path in paths {
        let within = |e: Error| e.within(path.display().to_string());
        let picture = open(path, limits)?;
        let (rows, columns) = (size.0.unwrap_or(picture.height() as usize), size.1.unwrap_or(picture.width() as usize));
        // Images of a model that takes any size must be of one size: that of the first.
        size = (Some(rows), Some(columns));
        let bytes = rows.saturating_mul(columns).saturating_mul(4 * channels.unwrap_or(1) * paths.len()) as u64;
        Limits::check("bytes of the images", bytes, limits.object_bytes).map_err(within)?;
        append(&picture, [rows, columns], channels == Some(3), pixels, &mut values);
    }
    let mut shape = vec![paths.len(), size.0.unwrap_or_default(), size.1.unwrap_or_default()];
    shape.extend(channels);
    Array::from_vec(values, shape.as_slice())
}

fn open(path: &Path, limits: &Limits) -> Result<DynamicImage> {
    let within = |e: Error| e.within(path.display().to_string());
    let failed = |e: std::io::Error| Error::io("read", path, &e);
    let mut reader = ImageReader::open(path).map_err(failed)?.with_guessed_format().map_err(failed)?;
    let mut bounds = image::Limits::default();
    bounds.max_image_width = Some(EDGE_MAX);
    bounds.max_image_height = Some(EDGE_MAX);
    bounds.max_alloc = Some(limits.object_bytes);
    reader.limits(bounds);
    let refused = |e: ImageError| match e {
        ImageError::Unsupported(e) => err!(UnsupportedFormat, "image: {e}").help("save it as PNG or JPEG"),
        ImageError::Limits(e) => err!(LimitExceeded, "image: {e}"),
        ImageError::IoError(e) if e.kind() != std::io::ErrorKind::UnexpectedEof => err!(Io, "image: {e}"),
        e => err!(Corrupt, "image: {e}").help("the file may be incomplete; copy or download it again"),
    };
    reader.decode().map_err(|e| within(refused(e)))
}

fn append(picture: &DynamicImage, [rows, columns]: [usize; 2], color: bool, pixels: Pixels, values: &mut Vec<f32>) {
    let (rows, columns) = (rows as u32, columns as u32);
    let resized = match (picture.height(), picture.width()) == (rows, columns) {
        true => picture.clone(),
        false => picture.resize_exact(columns, rows, FilterType::Triangle),
    };
    let bytes = if color { resized.into_rgb8().into_raw() } else { resized.into_luma8().into_raw() };
    let value = |byte: u8| f32::from(if pixels.invert { 255 - byte } else { byte }) / pixels.scale;
    values.extend(bytes.into_iter().map(value));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gray_values_keep_their_place() {
        let gray = image::GrayImage::from_raw(2, 1, vec![0, 255]).unwrap();
        let mut values = Vec::new();
        let pixels = Pixels { scale: 255.0, invert: false };
        append(&DynamicImage::ImageLuma8(gray.clone()), [1, 2], false, pixels, &mut values);
        append(&DynamicImage::ImageLuma8(gray), [1, 2], true, Pixels { invert: true, ..pixels }, &mut values);
        assert_eq!(values, [0.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0]);
    }
}
