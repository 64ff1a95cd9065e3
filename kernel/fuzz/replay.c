/* The inputs of the fuzzers once more, without a fuzzer: for each file named, all targets run, and a hash of all that comes of it is
   printed. The lines are the same on every processor, which is how the code for arm64 is compared with that for x86-64. */
#undef NDEBUG
#include "plans.h"
#include "../response.h"
#include "../rows.h"

#define LLVMFuzzerTestOneInput document_input
#include "fuzz_document.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput event_input
#include "fuzz_event.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput gzip_input
#include "fuzz_gzip.c"
#undef LLVMFuzzerTestOneInput

static u64 hash_of(u64 hash, const void *bytes, size_t size) {
    for (size_t i = 0; i < size; i++) hash = (hash ^ ((const u8 *)bytes)[i]) * 0x100000001b3ULL;
    return hash;
}

/* A hash of the rows and the response of an event, by every plan. */
static u64 event_hash(const u8 *event, size_t size) {
    u64 hash = 0xcbf29ce484222325ULL;
    for (int which = 0; which < PLAN_COUNT; which++) {
        Call call = {0};
        Buffer out = {0};
        Fact stream = {0}, invocation = {0};
        const Plan *plan = fuzz_plan(which, WIDEST);
        Status status = begin_call(&call, plan, 4) ? read_event(&call, event, size, &stream, &invocation) : OUT_OF_MEMORY;
        for (int is_json = 0; status == TAKEN && is_json < 2; is_json++) write_all(&call, is_json, &out);
        hash = hash_of(hash, &status, sizeof status);
        hash = hash_of(hash, out.data, out.size);
        end_call(&call);
        buffer_free(&out);
    }
    return hash;
}

int main(int count, char **names) {
    for (int i = 1; i < count; i++) {
        FILE *file = fopen(names[i], "rb");
        assert(file);
        u8 *bytes = malloc(1 << 20);
        const size_t size = fread(bytes, 1, 1 << 20, file);
        fclose(file);
        document_input(bytes, size);
        event_input(bytes, size);
        gzip_input(bytes, size);
        printf("%016llx %s\n", (unsigned long long)event_hash(bytes, size), names[i]);
        free(bytes);
    }
    return 0;
}
