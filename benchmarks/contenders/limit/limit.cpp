// The least that known libraries need: simdjson On-Demand and libbase64, one pass, one buffer for the response, no rule of any kind.
// What is skipped is not validated, nothing is quoted, and a record that is not as it should be ends the program: no handler, a limit.
//
// Spoken to as `benchmarks/worker.py` is, with the same frames; see `benchmarks/harness.py`.

#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "libbase64.h"
#include "simdjson.h"

using namespace simdjson;

namespace {

constexpr std::string_view HEAD = "{\"records\":[", ENTRY = "{\"recordId\":\"", OK = "\",\"result\":\"Ok\",\"data\":\"", END = "\"}";

struct Invocation {
    ondemand::parser events, payloads;
    std::string payload, row, response;

    std::string_view changes(ondemand::document &document) {
        ondemand::object keys = document["dynamodb"]["Keys"];
        row.assign(std::string_view(keys["id"]["S"]));
        row += ',';
        row += std::string_view(keys["datetime"]["S"]);
        row += '\n';
        return row;
    }

    std::string_view pairs(ondemand::document &document) {
        row.assign(std::string_view(document["T"]));
        row += ',';
        row += std::string_view(document["SECTOR"]);
        row += '\n';
        return row;
    }

    void append_base64(std::string_view bytes) {
        const size_t start = response.size();
        size_t length = (bytes.size() + 2) / 3 * 4;
        response.resize(start + length);
        base64_encode(bytes.data(), bytes.size(), response.data() + start, &length, 0);
    }

    // The event has SIMDJSON_PADDING bytes behind it.
    void run(padded_string_view event, bool is_pairs) {
        response.assign(HEAD);
        ondemand::document document = events.iterate(event);
        bool is_first = true;
        for (ondemand::object record : document["records"]) {
            const char *id_start = nullptr;
            std::string_view data;
            for (auto field : record) {
                ondemand::raw_json_string name = field.key();
                if (name == "recordId") id_start = field.value().get_raw_json_string().value().raw();
                else if (name == "data") data = field.value().raw_json_token();
            }
            // Raw text: the id up to its quote, the data with its quotes.
            const std::string_view id(id_start, std::strchr(id_start, '"') - id_start);
            data = data.substr(1, data.rfind('"') - 1);
            if (payload.size() < data.size() + SIMDJSON_PADDING) payload.resize(data.size() * 2 + SIMDJSON_PADDING);
            size_t size = 0;
            if (base64_decode(data.data(), data.size(), payload.data(), &size, 0) != 1) std::abort();
            ondemand::document found = payloads.iterate(padded_string_view(payload.data(), size, payload.size()));
            const std::string_view written = is_pairs ? pairs(found) : changes(found);
            if (!is_first) response += ',';
            is_first = false;
            response += ENTRY;
            response += id;
            response += OK;
            append_base64(written);
            response += END;
        }
        response += "]}";
    }
};

// ---- the frames: two lengths of four bytes, little-endian, a JSON header and a body

bool read_exactly(void *into, size_t length) { return std::fread(into, 1, length, stdin) == length; }

void send(const std::string &header, std::string_view body) {
    const uint32_t lengths[2] = {uint32_t(header.size()), uint32_t(body.size())};
    std::fwrite(lengths, 4, 2, stdout);
    std::fwrite(header.data(), 1, header.size(), stdout);
    std::fwrite(body.data(), 1, body.size(), stdout);
    std::fflush(stdout);
}

int64_t cpu_nanoseconds() {
    rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    const auto nanoseconds = [](timeval time) { return time.tv_sec * 1'000'000'000 + time.tv_usec * 1'000; };
    return nanoseconds(usage.ru_utime) + nanoseconds(usage.ru_stime);
}

}  // namespace

int main() {
    Invocation invocation;
    std::string event;
    size_t event_size = 0;
    bool is_pairs = false;
    uint32_t lengths[2];
    dom::parser headers;
    while (read_exactly(lengths, sizeof lengths)) {
        std::string text(lengths[0], 0), body(lengths[1], 0);
        if (!read_exactly(text.data(), text.size()) || !read_exactly(body.data(), body.size())) return 0;
        const dom::element request = headers.parse(text);
        const std::string_view op = request["op"];
        if (op == "load") {
            const std::string_view shape = request["shape"];
            is_pairs = shape == "pairs";
            event_size = body.size();
            event = std::move(body);
            event.resize(event_size + SIMDJSON_PADDING);
            if (shape != "changes" && !is_pairs) send("{\"unsupported\":\"the limit is measured for two members alone\"}", "");
            else send("{\"versions\":{\"simdjson\":\"" SIMDJSON_VERSION "\",\"libbase64\":\"of pybase64 " PYBASE64 "\"}}", "");
            continue;
        }
        const padded_string_view view(event.data(), event_size, event.size());
        if (op == "answer") {
            invocation.run(view, is_pairs);
            send("{}", invocation.response);
            continue;
        }
        std::string cpu, wall;
        for (uint64_t times = request["times"]; times; times--) {
            const auto wall_start = std::chrono::steady_clock::now();
            const int64_t cpu_start = cpu_nanoseconds();
            invocation.run(view, is_pairs);
            const int64_t cpu_spent = cpu_nanoseconds() - cpu_start;
            const auto spent = std::chrono::steady_clock::now() - wall_start;
            cpu += std::to_string(cpu_spent) + ",";
            wall += std::to_string(std::chrono::duration_cast<std::chrono::nanoseconds>(spent).count()) + ",";
        }
        if (!cpu.empty()) cpu.pop_back(), wall.pop_back();
        send("{\"cpu_ns\":[" + cpu + "],\"wall_ns\":[" + wall + "]}", "");
    }
}
