//! The bytes of a file, unpacked where it is gzip.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use crate::atomic::open;
use crate::{Location, Result};

/// Compressed input is read in pieces of this size.
const INPUT_BUFFER: usize = 1 << 16;

/// How far behind the data the end of a gzip member is looked for. A changed byte can make the data a little longer.
const BEHIND: u64 = 1 << 20;

/// A file read from its beginning to its end; gzip (also of several members) is recognised by its first two bytes, not
/// by the name of the file.
#[derive(Debug)]
pub(crate) struct Stream {
    source: Source,
}

#[derive(Debug)]
enum Source {
    Plain(BufReader<File>),
    Gzip(Box<MultiGzDecoder<BufReader<File>>>),
}

impl Stream {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let mut input = BufReader::with_capacity(INPUT_BUFFER, open(path)?);
        let start = input.fill_buf().map_err(|source| Location::file(path).error(source))?;
        let source = if start.starts_with(&[0x1f, 0x8b]) {
            Source::Gzip(Box::new(MultiGzDecoder::new(input)))
        } else {
            Source::Plain(input)
        };
        Ok(Self { source })
    }

    /// Reads until `buffer` is full or the data end; gives how much was read. A gzip stream that is cut counts as
    /// data that end.
    pub(crate) fn fill(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    /// Passes over `n` bytes; gives how many there were.
    pub(crate) fn skip(&mut self, n: u64) -> io::Result<u64> {
        match io::copy(&mut self.take(n), &mut io::sink()) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
            skipped => skipped,
        }
    }

    /// Reads what is left of a gzip member when its data were just read, so that its checksum is compared; at most
    /// `padding` bytes and a MiB. A member that goes on beyond that is not followed; one that is cut is an error, because
    /// nothing vouches for its data.
    pub(crate) fn verify_end(&mut self, padding: u64) -> io::Result<()> {
        match &mut self.source {
            Source::Plain(_) => Ok(()),
            Source::Gzip(input) => io::copy(&mut input.take(padding + BEHIND), &mut io::sink()).map(drop),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.source {
            Source::Plain(input) => input.read(buffer),
            Source::Gzip(input) => input.read(buffer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn gz(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// The first `n` bytes, and whether the end was as it should be.
    fn read(bytes: &[u8], n: usize) -> (Vec<u8>, io::Result<()>) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let mut stream = Stream::open(file.path()).unwrap();
        let mut buffer = vec![0; n];
        let filled = stream.fill(&mut buffer).unwrap_or(0);
        buffer.truncate(filled);
        (buffer, stream.verify_end(10))
    }

    #[test]
    fn plain_and_gzip_of_several_members_are_told_apart_by_their_bytes() {
        let whole = |bytes: &[u8]| {
            let (data, end) = read(bytes, 99);
            end.unwrap();
            data
        };
        assert_eq!(whole(b"plain"), b"plain");
        assert_eq!(whole(b""), b"");
        let mut members = gz(b"one ");
        members.extend(gz(b""));
        members.extend(gz(b"two"));
        assert_eq!(whole(&members), b"one two");
    }

    #[test]
    fn a_cut_stream_gives_what_was_there_and_a_broken_one_has_a_bad_end() {
        let data: Vec<u8> = (0..200).collect();
        let bytes = gz(&data);
        for cut in 2..bytes.len() {
            let (found, end) = read(&bytes[..cut], 200);
            assert!(data.starts_with(&found), "{cut}");
            assert!(found.len() < data.len() || end.is_err(), "{cut}");
        }
        let mut broken = bytes.clone();
        let checksum = broken.len() - 6;
        broken[checksum] ^= 1;
        // Whether all data were asked for or some.
        for n in [200, 50] {
            assert!(read(&broken, n).1.is_err());
            assert!(read(&bytes, n).1.is_ok());
        }
    }
}
