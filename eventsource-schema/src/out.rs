//! Where a `const fn` writes text: into a buffer and a hash, both at once.

/// A text while it is written.
#[derive(Debug)]
pub struct Out<'a> {
    buffer: &'a mut [u8],
    len: usize,
    hash: u64,
}

impl<'a> Out<'a> {
    /// Writes into a buffer. What does not fit is counted and hashed, and missing from the text.
    pub const fn into_buffer(buffer: &'a mut [u8]) -> Self {
        Self { buffer, len: 0, hash: 0xcbf2_9ce4_8422_2325 }
    }

    /// Writes more.
    pub const fn push(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    pub(crate) const fn bytes(&mut self, text: &[u8]) {
        let mut i = 0;
        while i < text.len() {
            self.byte(text[i]);
            i += 1;
        }
    }

    pub(crate) const fn byte(&mut self, byte: u8) {
        if self.len < self.buffer.len() {
            self.buffer[self.len] = byte;
        }
        // FNV-1a.
        self.hash = (self.hash ^ byte as u64).wrapping_mul(0x0000_0100_0000_01b3);
        self.len += 1;
    }

    /// Writes a number.
    pub const fn number(&mut self, number: u64) {
        if number >= 10 {
            self.number(number / 10);
        }
        self.byte(b'0' + (number % 10) as u8);
    }

    /// Takes back all but the first `len` bytes; the hash is of no use after that.
    pub(crate) const fn truncate(&mut self, len: usize) {
        if len < self.len {
            self.len = len;
        }
    }

    /// How long the text is, whether it fits or not.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing was written.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether everything fits the buffer.
    pub const fn fits(&self) -> bool {
        self.len <= self.buffer.len()
    }

    pub(crate) const fn hash(&self) -> u64 {
        self.hash
    }

    /// What fits the buffer, without half of a character.
    pub const fn as_str(&self) -> &str {
        let mut end = if self.fits() { self.len } else { self.buffer.len() };
        loop {
            match std::str::from_utf8(self.buffer.split_at(end).0) {
                Ok(text) => return text,
                Err(_) if end == 0 => return "",
                Err(_) => end -= 1,
            }
        }
    }
}

/// Whether two texts are equal, byte by byte: `==` is not to be had in a `const fn`.
pub const fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() {
        if a[i] != b[i] {
            return false;
        }
        i += 1;
    }
    true
}

/// Whether `a` sorts before `b`, byte by byte.
pub(crate) const fn before(a: &[u8], b: &[u8]) -> bool {
    let mut i = 0;
    while i < a.len() && i < b.len() {
        if a[i] != b[i] {
            return a[i] < b[i];
        }
        i += 1;
    }
    a.len() < b.len()
}
