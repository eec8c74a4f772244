//! What the allocator does with memory that is free again.

use std::hint::black_box;

/// As large as a batch can be: the payload of an invocation.
/// Source: "Lambda quotas" in the AWS Lambda developer guide.
const LARGEST_BATCH: usize = 6 << 20;

/// Lets the process keep the memory of a batch for the next one.
///
/// Otherwise glibc gives it back after each batch, and the kernel clears every page of it again for the next one, which takes a fifth of the consumer's processor time in batches of 1,000.
/// Freeing a block of this size tells glibc that such blocks come and go: it keeps as many bytes from then on, and twice as many at the end of its heap.
/// The block itself is never written to, so it takes address space and no memory.
/// Source: `M_MMAP_THRESHOLD` in mallopt(3), about the dynamic threshold.
pub fn keep_freed_memory() {
    drop(black_box(Vec::<u8>::with_capacity(LARGEST_BATCH)));
}
