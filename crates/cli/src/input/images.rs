//! PNG and JPEG, resized to what the model takes.

use std::path::{Path, PathBuf};

use cornet_error::{Error, Limits, Result, err, fail};
use cornet_program::TensorSpec;
use cornet_tensor::Array;
use image::imageops::FilterType;
use image::{DynamicImage, ImageError, ImageReader};

/// What pixels become.
#[derive(Clone, Copy, Debug)]
pub struct Pixels {
    /// What they are divided by; 255 for a model that takes floats and 1 for one that takes integers, unless given.
    pub scale: Option<f32>,
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

/// Where rows, columns and channels of a model's images are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Layout {
    height: Option<usize>,
    width: Option<usize>,
    /// 1 or 3, if there is an axis for them.
    channels: Option<usize>,
    /// Whether they come before rows and columns.
    channels_first: bool,
}

impl Layout {
    fn of(example: &[Option<usize>]) -> Option<Self> {
        let new = |height, width, channels, channels_first| Some(Self { height, width, channels, channels_first });
        match *example {
            [height, width] => new(height, width, None, false),
            [height, width, Some(channels @ (1 | 3))] => new(height, width, Some(channels), false),
            [Some(channels @ (1 | 3)), height, width] => new(height, width, Some(channels), true),
            // A model that leaves the channels open takes colours.
            [height, width, None] => new(height, width, Some(3), false),
            _ => None,
        }
    }
}

/// Images as `[examples, rows, columns]` or, if the model takes channels, with an axis of 1 or 3 before or behind.
///
/// # Errors
/// `shape_mismatch` for a model that takes no images; `corrupt`, `unsupported_format`, `limit_exceeded`, `io`.
pub fn read(paths: &[PathBuf], spec: &TensorSpec, pixels: Pixels, limits: &Limits) -> Result<Array> {
    let example = spec.shape.as_deref().and_then(|shape| shape.get(1..)).unwrap_or_default();
    let Some(layout) = Layout::of(example) else {
        return Err(err!(ShapeMismatch, "images: expected a model of [rows, columns] or [rows, columns, 1 or 3]")
            .operand("model", spec)
            .help("give the model's own input as .npy"));
    };
    let scale = pixels.scale.unwrap_or(if spec.dtype.is_int() { 1.0 } else { 255.0 });
    let mut values = Vec::new();
    let mut size = (layout.height, layout.width);
    for path in paths {
        let within = |e: Error| e.within(path.display().to_string());
        let picture = open(path, limits)?;
        let (rows, columns) = (size.0.unwrap_or(picture.height() as usize), size.1.unwrap_or(picture.width() as usize));
        // Images of a model that takes any size must be of one size: that of the first.
        size = (Some(rows), Some(columns));
        let bytes = rows.saturating_mul(columns).saturating_mul(4 * layout.channels.unwrap_or(1) * paths.len()) as u64;
        Limits::check("bytes of the images", bytes, limits.object_bytes).map_err(within)?;
        append(&picture, [rows, columns], layout, pixels.invert, scale, &mut values);
    }
    let (rows, columns) = (size.0.unwrap_or_default(), size.1.unwrap_or_default());
    let shape = match layout.channels {
        Some(channels) if layout.channels_first => vec![paths.len(), channels, rows, columns],
        channels => [paths.len(), rows, columns].into_iter().chain(channels).collect(),
    };
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

fn append(
    picture: &DynamicImage,
    [rows, columns]: [usize; 2],
    layout: Layout,
    invert: bool,
    scale: f32,
    values: &mut Vec<f32>,
) {
    let (height, width) = (rows as u32, columns as u32);
    let resized = match (picture.height(), picture.width()) == (height, width) {
        true => picture.clone(),
        false => picture.resize_exact(width, height, FilterType::Triangle),
    };
    let is_colored = layout.channels == Some(3);
    let bytes = if is_colored { resized.into_rgb8().into_raw() } else { resized.into_luma8().into_raw() };
    let value = |byte: u8| f32::from(if invert { 255 - byte } else { byte }) / scale;
    if is_colored && layout.channels_first {
        for channel in 0..3 {
            values.extend(bytes.iter().skip(channel).step_by(3).map(|&byte| value(byte)));
        }
    } else {
        values.extend(bytes.into_iter().map(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gray_values_keep_their_place() {
        let gray = image::GrayImage::from_raw(2, 1, vec![0, 255]).unwrap();
        let mut values = Vec::new();
        let one = Layout::of(&[None, None]).unwrap();
        let three = Layout::of(&[None, None, Some(3)]).unwrap();
        append(&DynamicImage::ImageLuma8(gray.clone()), [1, 2], one, false, 255.0, &mut values);
        append(&DynamicImage::ImageLuma8(gray), [1, 2], three, true, 255.0, &mut values);
        assert_eq!(values, [0.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn channels_come_first_where_the_model_has_them_first() {
        let picture = image::RgbImage::from_raw(2, 1, vec![1, 2, 3, 4, 5, 6]).unwrap();
        let layout = Layout::of(&[Some(3), Some(1), Some(2)]).unwrap();
        assert!(layout.channels_first);
        let mut values = Vec::new();
        append(&DynamicImage::ImageRgb8(picture), [1, 2], layout, false, 1.0, &mut values);
        assert_eq!(values, [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
        assert_eq!(Layout::of(&[Some(7)]), None);
        assert_eq!(Layout::of(&[Some(8), Some(8), Some(4)]), None);
    }
}
