/// What a buffer is allocated in. Systems hand out memory zeroed already for this alignment, but clear it themselves,
/// touching every page, for larger ones.
type Unit = u128;

/// Bytes of a cache line.
const LINE: usize = 64;

/// Zeroed bytes that start on a 64-byte boundary. Pages of a large buffer cost nothing until they are written.
#[derive(Default)]
pub struct Buffer {
    units: Box<[Unit]>,
    /// Where the first boundary lies in `units`, in bytes.
    start: usize,
    len: usize,
}

impl Buffer {
    /// `len` zero bytes.
    ///
    /// # Panics
    /// If there is no memory for them, as `vec![0; len]` does.
    pub fn zeroed(len: usize) -> Self {
        Self::try_zeroed(len).unwrap_or_else(|| panic!("no memory for {len} bytes"))
    }

    /// `len` zero bytes, or `None` if there is no memory for them.
    pub fn try_zeroed(len: usize) -> Option<Self> {
        let units = len.checked_add(LINE - size_of::<Unit>())?.div_ceil(size_of::<Unit>());
        let units: Box<[Unit]> = bytemuck::allocation::try_zeroed_slice_box(units).ok()?;
        let start = (units.as_ptr() as usize).next_multiple_of(LINE) - units.as_ptr() as usize;
        Some(Self { units, start, len })
    }

    /// A copy of `bytes`.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let mut buffer = Self::zeroed(bytes.len());
        buffer.bytes_mut().copy_from_slice(bytes);
        buffer
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.units)[self.start..][..self.len]
    }

    /// The bytes, to write.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut bytemuck::cast_slice_mut(&mut self.units)[self.start..][..self.len]
    }
}

impl Clone for Buffer {
    fn clone(&self) -> Self {
        // The boundary lies elsewhere in the new allocation.
        Self::from_bytes(self.bytes())
    }
}
