/* A stand-in for NVIDIA's libnvidia-ml.so.1: what dlmark asks of NVML through pynvml, answered from the environment.
 *
 * A list has its items separated by commas; a list of numbers moves on by one with each question, and starts again:
 *   NVML_NAMES        names of the GPUs (default: "NVIDIA Stand-in A,NVIDIA Stand-in B")
 *   NVML_MIG          profiles of the slices that each GPU is cut into, such as 1g.10gb,,2g.20gb; an empty one is a gap, "none" is no
 *                     slice at all (default: MIG is off)
 *   NVML_INIT         error number with which the library refuses to start, such as 9 where no driver is loaded
 *   NVML_LACKS        what the GPUs can't tell, out of: clock power power_limit temperature throttle energy memory
 *                     processes
 *   NVML_CLOCK        MHz (1980)             NVML_POWER         W (300)
 *   NVML_TEMPERATURE  degrees C (60)         NVML_POWER_LIMIT   W (700)
 *   NVML_THROTTLE     bits of the event reasons, such as 0x44 (0)
 *   NVML_ENERGY_W     W at which the energy counter goes up from the library's start (300)
 *   NVML_PROCESSES    pid:MB each; the pid "self" is the asking process, the memory "hidden" is told to nobody
 *   NVML_POWER_INSTANT  W, of a field that older GPUs have not (as they, by default)
 *   NVML_DENIED       number of one GPU that this user may not open
 *   NVML_DRIVER       version of the driver (555.42.06); bytes of any kind, as those of NVML_NAMES
 *   NVML_LOST_AFTER   questions about a GPU after which it is off the bus
 *   NVML_LOST         number of one GPU that is off the bus from the start
 *   NVML_SLOW_MS      time that each question about a GPU takes
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

typedef enum { OK = 0, UNINITIALIZED = 1, INVALID_ARGUMENT = 2, NOT_SUPPORTED = 3, NO_PERMISSION = 4, NOT_FOUND = 6,
               INSUFFICIENT_SIZE = 7, LOST = 15 } Answer;
typedef struct { int index, is_slice, place; } Gpu;
typedef struct { unsigned long long total, free, used; } Memory;
typedef struct { unsigned pid; unsigned long long used; unsigned gpu_instance, compute_instance; } Process;

enum { PLACES = 7 };  /* for slices on a GPU */
typedef struct { unsigned id, scope; long long time_us, took_us; int kind; Answer answer; union { double d; unsigned u; unsigned long long ull; } value; } Field;

static Gpu gpus[16], slices[16][PLACES];
static int started, questions;
static double start_s;

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

static const char *setting(const char *name, const char *otherwise) {
    const char *value = getenv(name);
    return value && *value ? value : otherwise;
}

/* The item of a list at a place, in a buffer that the next call writes over; NULL past the end. */
static const char *item(const char *list, int place) {
    static char found[256];
    for (; place > 0 && list; place--) list = strchr(list, ',') ? strchr(list, ',') + 1 : NULL;
    if (!list || !*list) return NULL;
    snprintf(found, sizeof found, "%.*s", (int)strcspn(list, ","), list);
    return found;
}

static int length(const char *list) { int n = 0; while (item(list, n)) n++; return n; }

/* What stands before every answer about a GPU. */
static Answer ready(const char *what) {
    if (!started) return UNINITIALIZED;
    if (getenv("NVML_SLOW_MS")) usleep(1000 * atoi(getenv("NVML_SLOW_MS")));
    if (++questions > atoi(setting("NVML_LOST_AFTER", "1000000000"))) return LOST;
    const char *lacks = setting("NVML_LACKS", "");
    for (int i = 0; i < length(lacks); i++)
        if (!strcmp(item(lacks, i), what)) return NOT_SUPPORTED;
    return OK;
}

/* The next number of a list; `asked` counts the questions. */
static double next(const char *name, const char *otherwise, int *asked) {
    const char *list = setting(name, otherwise);
    return strtod(item(list, (*asked)++ % length(list)), NULL);
}

#define ANSWER(what) do { Answer problem = ready(what); if (problem) return problem; } while (0)
#define NUMBER(what, name, otherwise, unit) \
    static int asked; ANSWER(what); *out = next(name, otherwise, &asked) * (unit); return OK

static const char *names(void) { return setting("NVML_NAMES", "NVIDIA Stand-in A,NVIDIA Stand-in B"); }

Answer nvmlInitWithFlags(unsigned flags) {
    for (int i = 0; i < 16; i++) {
        gpus[i] = (Gpu){i, 0, 0};
        for (int place = 0; place < PLACES; place++) slices[i][place] = (Gpu){i, 1, place};
    }
    start_s = now_s();
    started = !getenv("NVML_INIT");
    return atoi(setting("NVML_INIT", "0"));
}

Answer nvmlSystemGetDriverVersion(char *out, unsigned size) { snprintf(out, size, "%s", setting("NVML_DRIVER", "555.42.06")); return OK; }
Answer nvmlSystemGetCudaDriverVersion_v2(int *version) { *version = 12050; return OK; }
Answer nvmlDeviceGetCount_v2(unsigned *count) { ANSWER("count"); *count = length(names()); return OK; }

Answer nvmlDeviceGetHandleByIndex_v2(unsigned index, Gpu **gpu) {
    ANSWER("handle");
    if (index >= (unsigned)length(names())) return INVALID_ARGUMENT;
    if ((int)index == atoi(setting("NVML_LOST", "-1"))) return LOST;
    if ((int)index == atoi(setting("NVML_DENIED", "-1"))) return NO_PERMISSION;
    *gpu = &gpus[index];
    return OK;
}

Answer nvmlDeviceGetMigMode(Gpu *gpu, unsigned *current, unsigned *pending) {
    ANSWER("mig");
    *current = *pending = 1;
    return getenv("NVML_MIG") ? OK : NOT_SUPPORTED;
}

Answer nvmlDeviceGetMaxMigDeviceCount(Gpu *gpu, unsigned *count) { ANSWER("mig"); *count = PLACES; return OK; }

/* The profile of the slice at a place, in the buffer of item(); NULL where there is a gap or the end. */
static const char *profile(int place) {
    const char *found = item(setting("NVML_MIG", ""), place);
    return found && *found && strcmp(found, "none") ? found : NULL;
}

Answer nvmlDeviceGetMigDeviceHandleByIndex(Gpu *gpu, unsigned index, Gpu **slice) {
    ANSWER("mig");
    if (index >= PLACES) return INVALID_ARGUMENT;
    if (!profile(index)) return NOT_FOUND;
    *slice = &slices[gpu->index][index];
    return OK;
}

Answer nvmlDeviceGetName(Gpu *gpu, char *out, unsigned size) {
    ANSWER("name");
    int written = snprintf(out, size, "%s", item(names(), gpu->index));
    if (gpu->is_slice) snprintf(out + written, size - written, " MIG %s", profile(gpu->place));
    return OK;
}

Answer nvmlDeviceGetUUID(Gpu *gpu, char *out, unsigned size) {
    ANSWER("uuid");
    snprintf(out, size, "%s-00000000-0000-0000-%04d-%012d", gpu->is_slice ? "MIG" : "GPU", gpu->place, gpu->index);
    return OK;
}

/* 80 GiB on a whole GPU, 10 GiB on a slice; 1 GiB of it in use. */
Answer nvmlDeviceGetMemoryInfo(Gpu *gpu, Memory *out) {
    ANSWER("memory");
    *out = (Memory){(gpu->is_slice ? 10ull : 80ull) << 30, 0, 1ull << 30};
    return OK;
}

Answer nvmlDeviceGetClockInfo(Gpu *gpu, int type, unsigned *out) { NUMBER("clock", "NVML_CLOCK", "1980", 1); }
Answer nvmlDeviceGetPowerUsage(Gpu *gpu, unsigned *out) { NUMBER("power", "NVML_POWER", "300", 1000); }
Answer nvmlDeviceGetPowerManagementLimit(Gpu *gpu, unsigned *out) { NUMBER("power_limit", "NVML_POWER_LIMIT", "700", 1000); }
Answer nvmlDeviceGetTemperature(Gpu *gpu, int sensor, unsigned *out) { NUMBER("temperature", "NVML_TEMPERATURE", "60", 1); }
Answer nvmlDeviceGetCurrentClocksThrottleReasons(Gpu *gpu, unsigned long long *out) { NUMBER("throttle", "NVML_THROTTLE", "0", 1); }

/* Of the fields the power of this moment alone, in mW. */
Answer nvmlDeviceGetFieldValues(Gpu *gpu, int count, Field *fields) {
    static int asked;
    ANSWER("fields");
    for (int i = 0; i < count; i++) {
        fields[i].answer = fields[i].id == 186 && getenv("NVML_POWER_INSTANT") ? OK : NOT_SUPPORTED;
        if (fields[i].answer == OK) fields[i].value.u = 1000 * next("NVML_POWER_INSTANT", "", &asked);
    }
    return OK;
}

Answer nvmlDeviceGetTotalEnergyConsumption(Gpu *gpu, unsigned long long *out) {
    ANSWER("energy");
    *out = 1e9 + 1000 * atof(setting("NVML_ENERGY_W", "300")) * (now_s() - start_s);
    return OK;
}

Answer nvmlDeviceGetComputeRunningProcesses_v3(Gpu *gpu, unsigned *count, Process *out) {
    ANSWER("processes");
    const char *list = setting("NVML_PROCESSES", "");
    unsigned room = *count;
    if ((*count = length(list)) > room) return INSUFFICIENT_SIZE;
    for (unsigned i = 0; i < *count; i++) {
        const char *one = item(list, i), *memory = strchr(one, ':') + 1;
        out[i].pid = strncmp(one, "self:", 5) ? (unsigned)atoi(one) : (unsigned)getpid();
        out[i].used = strcmp(memory, "hidden") ? strtoull(memory, NULL, 10) << 20 : ~0ull;
    }
    return OK;
}
