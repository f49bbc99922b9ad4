//! PNG: eight bits a channel.
//!
//! Source: W3C Portable Network Graphics, third edition.

use std::io::Write;

use cornet_error::{Result, err};
use flate2::write::ZlibEncoder;
use flate2::{Compression, Crc};

fn chunk(out: &mut Vec<u8>, kind: &[u8; 4], content: &[u8]) {
    out.extend((content.len() as u32).to_be_bytes());
    let start = out.len();
    out.extend(kind);
    out.extend(content);
    let mut crc = Crc::new();
    crc.update(&out[start..]);
    out.extend(crc.sum().to_be_bytes());
}

/// The PNG file of an image of `width` times `height` pixels of `channels` bytes each: gray (1), gray and opacity (2),
/// red, green and blue (3), or these and opacity (4).
///
/// # Errors
/// `invalid_argument` for other channels or another number of bytes.
pub fn encode_png(width: usize, height: usize, channels: usize, pixels: &[u8]) -> Result<Vec<u8>> {
    let kind = match channels {
        1 => 0,
        2 => 4,
        3 => 2,
        4 => 6,
        _ => return Err(err!(InvalidArgument, "png: expected 1 to 4 channels, found {channels}")),
    };
    let size = width.checked_mul(height).and_then(|n| n.checked_mul(channels));
    if size != Some(pixels.len()) || pixels.is_empty() || width.max(height) > i32::MAX as usize {
        let found = pixels.len();
        return Err(err!(InvalidArgument, "png: expected {width} x {height} x {channels} bytes, found {found}"));
    }
    let failed = |e: std::io::Error| err!(Internal, "png: {e}");
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
    let row = width * channels;
    let mut filtered = vec![0; row + 1];
    for y in 0..height {
        let line = &pixels[y * row..][..row];
        // Filter 2: each row as its difference to the one above, since most rows repeat.
        filtered[0] = if y == 0 { 0 } else { 2 };
        for (x, &value) in line.iter().enumerate() {
            let above = if y == 0 { 0 } else { pixels[(y - 1) * row + x] };
            filtered[x + 1] = value.wrapping_sub(above);
        }
        zlib.write_all(&filtered).map_err(failed)?;
    }
    let mut out = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut header = Vec::with_capacity(13);
    header.extend((width as u32).to_be_bytes());
    header.extend((height as u32).to_be_bytes());
    // Eight bits a channel, the kind of channels, deflate, the one set of filters, not interlaced.
    header.extend([8, kind, 0, 0, 0]);
    chunk(&mut out, b"IHDR", &header);
    chunk(&mut out, b"IDAT", &zlib.finish().map_err(failed)?);
    chunk(&mut out, b"IEND", &[]);
    Ok(out)
}
