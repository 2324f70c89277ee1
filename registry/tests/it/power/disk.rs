//! A disk that loses its power: what may be on it at any moment of a record.
//!
//! Certain is only what a finished sync has covered. Of what was written since, any pages of 4 KiB may be on disk, in
//! any order. Names change in order, as a journal keeps them: a sync takes all changes before it along, and later
//! ones are there up to some point. No page is torn inside.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::Path;

use super::Numbers;
use super::trace::Event;

const PAGE: usize = 4096;

/// Files by name.
pub(super) type Image = BTreeMap<String, Vec<u8>>;

/// How much of what is not certain is there.
#[derive(Clone, Copy, Debug)]
pub(super) enum Luck {
    Nothing,
    Half,
    Everything,
}

/// What the process sees, and what would be left of it.
#[derive(Default)]
pub(super) struct Disk {
    files: Vec<File>,
    /// What each name leads to for the process.
    live: BTreeMap<String, usize>,
    /// What each name leads to for certain, and what has changed since.
    certain: BTreeMap<String, usize>,
    since: Vec<Naming>,
    /// Changes of names that have become certain.
    settled: usize,
    syncs: HashMap<usize, Covered>,
}

#[derive(Default)]
struct File {
    certain: Vec<u8>,
    /// What was done since, in order.
    since: Vec<Change>,
}

struct Change {
    call: usize,
    what: What,
    /// Whether it has reached the page cache, where a sync finds it.
    done: bool,
}

enum What {
    Write(usize, Vec<u8>),
    Resize(usize),
}

enum Naming {
    Link(String, usize),
    Move(String, String),
    Remove(String),
}

/// What a sync covers.
struct Covered {
    file: Option<usize>,
    calls: BTreeSet<usize>,
    /// As many changes of names, since the begin of the record.
    names: usize,
}

impl Disk {
    /// With what lies in a folder, all of it certain.
    pub(super) fn of(folder: &Path) -> Self {
        let mut disk = Self::default();
        disk.take_in(folder);
        disk.certain = disk.live.clone();
        disk
    }

    fn take_in(&mut self, folder: &Path) {
        for entry in fs::read_dir(folder).into_iter().flatten().map(Result::unwrap) {
            match entry.file_type().unwrap().is_dir() {
                true => self.take_in(&entry.path()),
                false => {
                    self.live.insert(entry.path().to_str().unwrap().to_owned(), self.files.len());
                    self.files.push(File { certain: fs::read(entry.path()).unwrap(), since: Vec::new() });
                }
            }
        }
    }

    /// Goes one moment on.
    pub(super) fn apply(&mut self, event: &Event) {
        match event {
            Event::Opened { path, emptied } => self.open(path, *emptied),
            Event::WriteBegan { call, path, offset, data } => {
                self.change(path, *call, What::Write(*offset as usize, data.clone()), false);
            }
            Event::WriteDone { call } => {
                let changes = self.files.iter_mut().flat_map(|file| &mut file.since);
                changes.filter(|change| change.call == *call).for_each(|change| change.done = true);
            }
            Event::SyncBegan { call, path } => self.begin_sync(*call, path),
            Event::SyncDone { call } => self.end_sync(*call),
            Event::Resized { path, len } => self.change(path, 0, What::Resize(*len as usize), true),
            Event::Renamed { from, to } => self.rename(Naming::Move(from.clone(), to.clone())),
            Event::Removed { path } => self.rename(Naming::Remove(path.clone())),
            Event::Said(_) => {}
        }
    }

    fn open(&mut self, path: &str, emptied: bool) {
        if !self.live.contains_key(path) {
            self.rename(Naming::Link(path.to_owned(), self.files.len()));
            self.files.push(File::default());
        } else if emptied {
            self.change(path, 0, What::Resize(0), true);
        }
    }

    /// What happens to files elsewhere, to pipes and the like is nothing to this disk.
    fn change(&mut self, path: &str, call: usize, what: What, done: bool) {
        if let Some(file) = self.live.get(path) {
            self.files[*file].since.push(Change { call, what, done });
        }
    }

    fn rename(&mut self, naming: Naming) {
        naming.apply(&mut self.live);
        self.since.push(naming);
    }

    fn begin_sync(&mut self, call: usize, path: &str) {
        let file = self.live.get(path).copied();
        let changes = file.into_iter().flat_map(|file| &self.files[file].since);
        let calls = changes.filter(|change| change.done).map(|change| change.call).collect();
        self.syncs.insert(call, Covered { file, calls, names: self.settled + self.since.len() });
    }

    fn end_sync(&mut self, call: usize) {
        let covered = self.syncs.remove(&call).unwrap();
        if let Some(file) = covered.file {
            self.files[file].settle(&covered.calls);
        }
        let names = covered.names.saturating_sub(self.settled);
        self.since.drain(..names).for_each(|naming| naming.apply(&mut self.certain));
        self.settled += names;
    }

    /// What is there if the power fails now.
    pub(super) fn image(&self, luck: Luck, numbers: &mut Numbers) -> Image {
        let changes = match luck {
            Luck::Nothing => 0,
            Luck::Half => numbers.below(self.since.len() + 1),
            Luck::Everything => self.since.len(),
        };
        let mut names = self.certain.clone();
        self.since[..changes].iter().for_each(|naming| naming.apply(&mut names));
        names.into_iter().map(|(name, file)| (name, self.files[file].image(luck, numbers))).collect()
    }
}

impl File {
    fn settle(&mut self, calls: &BTreeSet<usize>) {
        for change in std::mem::take(&mut self.since) {
            match calls.contains(&change.call) {
                true => change.what.apply(&mut self.certain),
                false => self.since.push(change),
            }
        }
    }

    fn image(&self, luck: Luck, numbers: &mut Numbers) -> Vec<u8> {
        let mut bytes = self.certain.clone();
        if matches!(luck, Luck::Nothing) {
            return bytes;
        }
        let mut all = self.certain.clone();
        self.since.iter().for_each(|change| change.what.apply(&mut all));
        if matches!(luck, Luck::Everything) {
            return all;
        }
        let pages: BTreeSet<usize> = self.since.iter().flat_map(|change| change.what.pages()).collect();
        for page in pages.into_iter().filter(|_| numbers.below(2) == 0) {
            let end = all.len().min((page + 1) * PAGE);
            if let Some(written) = all.get(page * PAGE..end) {
                What::Write(page * PAGE, written.to_vec()).apply(&mut bytes);
            }
        }
        bytes
    }
}

impl What {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Resize(len) => bytes.resize(*len, 0),
            Self::Write(offset, data) => {
                bytes.resize(bytes.len().max(offset + data.len()), 0);
                bytes[*offset..offset + data.len()].copy_from_slice(data);
            }
        }
    }

    fn pages(&self) -> std::ops::Range<usize> {
        match self {
            Self::Resize(_) => 0..0,
            Self::Write(offset, data) => offset / PAGE..(offset + data.len()).div_ceil(PAGE),
        }
    }
}

impl Naming {
    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            Self::Link(name, file) => _ = names.insert(name.clone(), *file),
            Self::Move(from, to) => {
                if let Some(file) = names.remove(from) {
                    names.insert(to.clone(), file);
                }
            }
            Self::Remove(name) => _ = names.remove(name),
        }
    }
}
