/* The first pass over a text: the offsets of its tokens. Included once for each way to classify (INDEX_NAME, INDEX_ATTRIBUTES,
   INDEX_CLASSIFY, INDEX_PREFIX_XOR, INDEX_WRITE: the offsets of a block's bits). `found->tokens` has room for `size` + 64 offsets. */
INDEX_ATTRIBUTES static void INDEX_NAME(const u8 *text, size_t size, Index *found) {
    const u64 odd_bits = 0xaaaaaaaaaaaaaaaaULL;
    u64 is_escaped_next = 0, in_string = 0, scalar_before = 0, any_space = 0, any_backslash = 0, bad = 0;
    size_t low_surrogate = SIZE_MAX, next_sequence = 0;
    u32 *out = found->tokens;
    for (size_t block = 0; block < size; block += 64) {
        const Classes c = INDEX_CLASSIFY(text + block);
        u64 escaped = is_escaped_next;
        if (UNLIKELY(c.backslash | is_escaped_next)) {
            /* Which backslashes begin an escape: of a run of them every other one, from its first on; a subtraction lets the
               carry run through all of a run at once. */
            const u64 may_start = c.backslash & ~is_escaped_next;
            const u64 codes = (((may_start << 1) | odd_bits) - may_start) ^ odd_bits;
            const u64 starts = codes & c.backslash;
            escaped = codes ^ (c.backslash | is_escaped_next);
            is_escaped_next = starts >> 63;
            any_backslash |= c.backslash;
            bad |= !escapes_are_good(text, block, starts, &low_surrogate);
        }
        const u64 quote = c.quote & ~escaped;
        const u64 inside = INDEX_PREFIX_XOR(quote) ^ in_string;
        in_string = (u64)((i64)inside >> 63);
        bad |= c.control & inside;
        const u64 outside = ~(inside | quote);
        any_space |= c.space & outside & (size - block >= 64 ? ~0ULL : (1ULL << (size - block)) - 1);
        const u64 scalar = outside & ~(c.operator | c.space);
        u64 tokens = (c.operator & outside) | quote | (scalar & ~(scalar << 1 | scalar_before));
        scalar_before = scalar >> 63;
        if (UNLIKELY(c.high)) bad |= !utf8_is_good(text, block, c.high, &next_sequence);
        INDEX_WRITE(out, (u32)block, tokens);
        out += __builtin_popcountll(tokens);
    }
    found->count = (u32)(out - found->tokens);
    found->has_space = any_space != 0;
    found->has_backslash = any_backslash != 0;
    found->is_bad = (bad | in_string) != 0;
}
#undef INDEX_NAME
#undef INDEX_ATTRIBUTES
#undef INDEX_CLASSIFY
#undef INDEX_PREFIX_XOR
#undef INDEX_WRITE
