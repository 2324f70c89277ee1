//! Both directions of the talk with a compiling process at once, so that neither side waits for
//! a pipe that the other does not serve: it may answer before it has read everything, or never.

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, ioctl_fionbio};

use super::CODE_LIMIT;
use super::frame::REPLY_HEAD;

/// What is kept of what the process complains about: the first lines tell.
const COMPLAINT: usize = 2 << 10;

/// The talk with one process.
pub(super) struct Pipes<'a> {
    stdin: Option<ChildStdin>,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
    unsent: [&'a [u8]; 2],
    /// What it answered so far.
    pub(super) reply: Vec<u8>,
    /// What it complained about.
    pub(super) complaint: Vec<u8>,
}

impl<'a> Pipes<'a> {
    pub(super) fn new(child: &mut Child, to_send: [&'a [u8]; 2]) -> io::Result<Self> {
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        stdin.as_ref().map_or(Ok(()), |pipe| ioctl_fionbio(pipe, true))?;
        stdout.as_ref().map_or(Ok(()), |pipe| ioctl_fionbio(pipe, true))?;
        stderr.as_ref().map_or(Ok(()), |pipe| ioctl_fionbio(pipe, true))?;
        Ok(Self { stdin, stdout, stderr, unsent: to_send, reply: Vec::new(), complaint: Vec::new() })
    }

    /// Whether the process has closed its side.
    pub(super) fn ended(&self) -> bool {
        self.stdout.is_none() && self.stderr.is_none()
    }

    /// Whether the answer is longer than any that is taken.
    pub(super) fn overflows(&self) -> bool {
        self.reply.len() as u64 > CODE_LIMIT + REPLY_HEAD as u64
    }

    /// Waits until something can move, at most `patience`, and moves it.
    pub(super) fn step(&mut self, patience: Duration) -> io::Result<()> {
        self.wait(patience)?;
        self.send();
        receive(&mut self.stdout, &mut self.reply, usize::MAX)?;
        receive(&mut self.stderr, &mut self.complaint, COMPLAINT)
    }

    fn wait(&self, patience: Duration) -> io::Result<()> {
        let outputs =
            [self.stdout.as_ref().map(AsFd::as_fd), self.stderr.as_ref().map(AsFd::as_fd)].into_iter().flatten();
        let mut files: Vec<_> = outputs.map(|file| PollFd::from_borrowed_fd(file, PollFlags::IN)).collect();
        files.extend(self.stdin.as_ref().map(|stdin| PollFd::new(stdin, PollFlags::OUT)));
        let patience = Timespec::try_from(patience).map_err(|_| ErrorKind::InvalidInput)?;
        match poll(&mut files, Some(&patience)) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Sends what the pipe takes. A process that has gone says why elsewhere.
    fn send(&mut self) {
        let Some(stdin) = &mut self.stdin else { return };
        while let Some(unsent) = self.unsent.iter_mut().find(|unsent| !unsent.is_empty()) {
            match stdin.write(unsent) {
                Ok(sent) => *unsent = unsent.get(sent..).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        self.stdin = None;
    }
}

/// Takes what there is and keeps at most so many bytes of it; at its end closes the pipe.
fn receive(pipe: &mut Option<impl Read>, into: &mut Vec<u8>, most: usize) -> io::Result<()> {
    let Some(open) = pipe else { return Ok(()) };
    let mut buffer = [0; 64 << 10];
    match open.read(&mut buffer) {
        Ok(0) => *pipe = None,
        Ok(read) => {
            let room = most.saturating_sub(into.len()).min(read);
            into.extend(buffer.get(..room).unwrap_or_default());
        }
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
        Err(error) => return Err(error),
    }
    Ok(())
}
