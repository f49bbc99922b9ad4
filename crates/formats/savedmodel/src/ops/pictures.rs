//! Pictures in files: PNG and JPEG.

use cornet_error::{Result, err, fail};
use cornet_tensor::{Array, DType};
use image::{DynamicImage, ImageError, ImageFormat, ImageReader};

use super::{Family, one};
use crate::interpret::Call;
use crate::value::Value;

pub(super) static OPS: Family = &[
    ("DecodeImage", |c| decode(c, None)),
    ("DecodeJpeg", |c| decode(c, None)),
    ("DecodePng", |c| decode(c, None)),
    ("DecodeAndCropJpeg", |c| {
        let window = c.sizes(1)?;
        let &[y, x, height, width] = window.as_slice() else { fail!(ShapeMismatch, "expected a window of 4 numbers") };
        decode(c, Some([y, x, height, width]))
    }),
];

/// Most pixels on an edge.
const EDGE_MAX: u32 = 1 << 16;

fn open(bytes: &[u8], call: &Call<'_, '_>) -> Result<DynamicImage> {
    let mut reader = ImageReader::new(std::io::Cursor::new(bytes));
    let format = image::guess_format(bytes)
        .map_err(|_| err!(UnsupportedFormat, "picture: expected a JPEG or PNG file, found another"))?;
    if !matches!(format, ImageFormat::Png | ImageFormat::Jpeg) {
        fail!(UnsupportedFormat, "picture: expected a JPEG or PNG file, found {format:?}");
    }
    reader.set_format(format);
    let mut bounds = image::Limits::default();
    bounds.max_image_width = Some(EDGE_MAX);
    bounds.max_image_height = Some(EDGE_MAX);
    bounds.max_alloc = Some(call.run.machine.limits.object_bytes.min(1 << 30));
    reader.limits(bounds);
    reader.decode().map_err(|e| match e {
        ImageError::Limits(e) => err!(LimitExceeded, "picture: {e}"),
        ImageError::Unsupported(e) => err!(UnsupportedFormat, "picture: {e}"),
        e => err!(Corrupt, "picture: {e}"),
    })
}

/// The pixels of a picture, `[height, width, channels]`.
fn decode(call: &mut Call<'_, '_>, window: Option<[usize; 4]>) -> Result<Vec<Value>> {
    let content = call.x(0)?.reshape([]).array()?;
    let bytes = content.strings()?.first().cloned().unwrap_or_default();
    let mut picture = open(&bytes, call)?;
    if let Some([y, x, height, width]) = window {
        let (all_h, all_w) = (picture.height() as usize, picture.width() as usize);
        if y.saturating_add(height) > all_h || x.saturating_add(width) > all_w {
            fail!(OutOfRange, "picture: expected a window within {all_h} by {all_w}");
        }
        picture = picture.crop_imm(x as u32, y as u32, width as u32, height as u32);
    }
    let (h, w) = (picture.height() as usize, picture.width() as usize);
    let own = usize::from(picture.color().channel_count());
    let channels = match call.attr_int("channels", 0) {
        0 => own,
        n @ 1..=4 => n as usize,
        n => fail!(InvalidArgument, "picture: expected 0 to 4 channels, found {n}"),
    };
    let dtype = call.attr_dtype_or("dtype", DType::U8)?;
    let shape = [h, w, channels];
    let array = if dtype == DType::U16 {
        let values = match channels {
            1 => picture.into_luma16().into_raw(),
            2 => picture.into_luma_alpha16().into_raw(),
            3 => picture.into_rgb16().into_raw(),
            _ => picture.into_rgba16().into_raw(),
        };
        Array::from_vec(values, shape)?
    } else {
        let values = match channels {
            1 => picture.into_luma8().into_raw(),
            2 => picture.into_luma_alpha8().into_raw(),
            3 => picture.into_rgb8().into_raw(),
            _ => picture.into_rgba8().into_raw(),
        };
        Array::from_vec(values, shape)?
    };
    one(match dtype {
        DType::F32 => cornet_ops::Tensor::from(array).cast(DType::F32) / 255.0,
        _ => array.into(),
    })
}
