"""The functions of the standard library that stand on stacks: the chains under each kind of wait, release by release.

Frame sizes are those of no real build; names, files and the order of calls are.
"""
from .pclntab import ASM, SP_WRITE, TOP_FRAME

ROOT = "/usr/local/go/src/"

# name: (file, first line, frame size, lines of calls, flags, funcID)
FUNCTIONS = {
    "runtime.goexit": ("runtime/asm.s", 1690, 0, [1695], TOP_FRAME | ASM, "goexit"),
    "runtime.mstart": ("runtime/asm.s", 390, 0, [395], TOP_FRAME | ASM, "mstart"),
    "runtime.rt0_go": ("runtime/asm.s", 159, 16, [350], TOP_FRAME | ASM, "rt0_go"),
    "runtime.gogo": ("runtime/asm.s", 400, 0, [405], SP_WRITE | ASM, "gogo"),
    "runtime.mcall": ("runtime/asm.s", 430, 16, [452], ASM, "mcall"),
    "runtime.systemstack": ("runtime/asm.s", 480, 16, [509], SP_WRITE | ASM, "systemstack"),
    "runtime.systemstack_switch": ("runtime/asm.s", 470, 0, [473], ASM, "systemstack_switch"),
    "runtime.asyncPreempt": ("runtime/preempt_asm.s", 7, 240, [52], ASM, "asyncPreempt"),
    "runtime.asyncPreempt2": ("runtime/preempt.go", 302, 32, [308], 0, "normal"),
    "runtime.main": ("runtime/proc.go", 147, 96, [283], 0, "runtime_main"),
    "runtime.gopark": ("runtime/proc.go", 402, 32, [435], 0, "normal"),
    "runtime.goparkunlock": ("runtime/proc.go", 440, 48, [441], 0, "normal"),
    "runtime.schedule": ("runtime/proc.go", 4000, 80, [4044], 0, "normal"),
    "runtime.findRunnable": ("runtime/proc.go", 3300, 160, [3640], 0, "normal"),
    "runtime.futexsleep": ("runtime/os_linux.go", 60, 48, [75], 0, "normal"),
    "runtime.futex": ("runtime/sys_linux.s", 550, 0, [557], ASM, "normal"),
    "runtime.chansend": ("runtime/chan.go", 176, 128, [259, 283], 0, "normal"),
    "runtime.chansend1": ("runtime/chan.go", 160, 48, [161], 0, "normal"),
    "runtime.chanrecv": ("runtime/chan.go", 506, 128, [560, 664], 0, "normal"),
    "runtime.chanrecv1": ("runtime/chan.go", 489, 48, [490], 0, "normal"),
    "runtime.selectgo": ("runtime/select.go", 121, 320, [335], 0, "normal"),
    "runtime.block": ("runtime/select.go", 103, 48, [104], 0, "normal"),
    "runtime.semacquire1": ("runtime/sema.go", 144, 112, [192], 0, "normal"),
    "runtime.netpollblock": ("runtime/netpoll.go", 550, 64, [571], 0, "normal"),
    "runtime.timeSleep": ("runtime/time.go", 315, 80, [338], 0, "normal"),
    "runtime.forcegchelper": ("runtime/proc.go", 330, 48, [348], 0, "normal"),
    "runtime.bgsweep": ("runtime/mgcsweep.go", 275, 64, [324], 0, "normal"),
    "runtime.bgscavenge": ("runtime/mgcscavenge.go", 645, 64, [663], 0, "normal"),
    "runtime.runfinq": ("runtime/mfinal.go", 176, 96, [193], 0, "runfinq"),
    "runtime.runFinalizers": ("runtime/mfinal.go", 176, 96, [193], 0, "runFinalizers"),
    "runtime.gcenable": ("runtime/mgc.go", 198, 48, [203, 204], 0, "normal"),
    "runtime.init.7": ("runtime/proc.go", 325, 16, [326], 0, "normal"),
    "runtime.createfing": ("runtime/mfinal.go", 160, 32, [163], 0, "normal"),
    "runtime.newproc": ("runtime/proc.go", 5000, 64, [5010], 0, "normal"),
    "runtime.deferproc": ("runtime/panic.go", 271, 48, [285], 0, "normal"),
    "runtime.deferprocStack": ("runtime/panic.go", 380, 32, [390], 0, "normal"),
    "runtime.deferreturn": ("runtime/panic.go", 590, 48, [605], 0, "normal"),
    "runtime.entersyscall": ("runtime/proc.go", 4300, 32, [4320], 0, "normal"),
    "syscall.Syscall": ("syscall/syscall_linux.go", 68, 96, [69], 0, "normal"),
    "syscall.read": ("syscall/zsyscall_linux.go", 700, 96, [736], 0, "normal"),
    "os.(*File).Read": ("os/file.go", 100, 64, [118], 0, "normal"),
    "sync.runtime_SemacquireMutex": ("runtime/sema.go", 76, 48, [77], 0, "normal"),
    "sync.runtime_SemacquireRWMutex": ("runtime/sema.go", 86, 48, [87], 0, "normal"),
    "sync.runtime_SemacquireRWMutexR": ("runtime/sema.go", 81, 48, [82], 0, "normal"),
    "sync.runtime_Semacquire": ("runtime/sema.go", 61, 48, [62], 0, "normal"),
    "sync.runtime_SemacquireWaitGroup": ("runtime/sema.go", 110, 48, [114], 0, "normal"),
    "internal/sync.runtime_SemacquireMutex": ("runtime/sema.go", 94, 48, [95], 0, "normal"),
    "internal/sync.(*Mutex).lockSlow": ("internal/sync/mutex.go", 90, 112, [149], 0, "normal"),
    "sync.(*Mutex).lockSlow": ("sync/mutex.go", 84, 112, [171], 0, "normal"),
    "sync.(*RWMutex).RLock": ("sync/rwmutex.go", 61, 48, [71], 0, "normal"),
    "sync.(*RWMutex).Lock": ("sync/rwmutex.go", 141, 48, [153], 0, "normal"),
    "sync.(*WaitGroup).Wait": ("sync/waitgroup.go", 90, 64, [118], 0, "normal"),
    "sync.runtime_notifyListWait": ("runtime/sema.go", 520, 80, [569], 0, "normal"),
    "sync.(*Cond).Wait": ("sync/cond.go", 66, 64, [70], 0, "normal"),
    "time.Sleep": ("runtime/time.go", 300, 96, [305], 0, "normal"),
    "internal/poll.runtime_pollWait": ("runtime/netpoll.go", 340, 64, [345], 0, "normal"),
    "internal/poll.(*pollDesc).wait": ("internal/poll/fd_poll_runtime.go", 80, 48, [84], 0, "normal"),
    "internal/poll.(*FD).Read": ("internal/poll/fd_unix.go", 140, 112, [164], 0, "normal"),
    "net.(*netFD).Read": ("net/fd_posix.go", 54, 64, [55], 0, "normal"),
    "net.(*conn).Read": ("net/net.go", 170, 80, [179], 0, "normal"),
}


def chain(kind, minor):
    """Calls below the user's frame for a kind of wait, outermost first: (name, line or None)."""
    mutex = ["sync.(*Mutex).lockSlow", "sync.runtime_SemacquireMutex"]
    if minor >= 24:  # 1.24 moved Mutex to internal/sync
        mutex = ["internal/sync.(*Mutex).lockSlow", "internal/sync.runtime_SemacquireMutex"]
    split = minor >= 20  # 1.20 split the semaphore's entries and wait reasons
    chains = {
        "send": ["runtime.chansend1", ("runtime.chansend", 259)],
        "receive": ["runtime.chanrecv1", ("runtime.chanrecv", 664)],
        "send nil": ["runtime.chansend1", ("runtime.chansend", 259)],
        "receive nil": ["runtime.chanrecv1", ("runtime.chanrecv", 560)],
        "select": ["runtime.selectgo"],
        "block": ["runtime.block"],
        "mutex": mutex + ["runtime.semacquire1"],
        "rlock": ["sync.(*RWMutex).RLock",
                  "sync.runtime_SemacquireRWMutexR" if split else "sync.runtime_SemacquireMutex",
                  "runtime.semacquire1"],
        "wlock": ["sync.(*RWMutex).Lock",
                  "sync.runtime_SemacquireRWMutex" if split else "sync.runtime_SemacquireMutex",
                  "runtime.semacquire1"],
        "waitgroup": ["sync.(*WaitGroup).Wait",
                      "sync.runtime_SemacquireWaitGroup" if minor >= 24 else "sync.runtime_Semacquire",
                      "runtime.semacquire1"],
        "cond": ["sync.(*Cond).Wait", "sync.runtime_notifyListWait"],
        "sleep": ["time.Sleep"],
        "io": ["net.(*conn).Read", "net.(*netFD).Read", "internal/poll.(*FD).Read", "internal/poll.(*pollDesc).wait",
               "internal/poll.runtime_pollWait", "runtime.netpollblock"],
        "park": [],
    }
    out = [c if isinstance(c, tuple) else (c, None) for c in chains[kind]]
    return out + [("runtime.gopark", None)]


def reason(kind, minor):
    """The wait reason that goes with it."""
    if kind in ("mutex", "rlock", "wlock") and minor < 20 or kind == "waitgroup" and minor < 24:
        return "semacquire"
    return {"send": "chan send", "receive": "chan receive", "send nil": "chan send (nil chan)",
            "receive nil": "chan receive (nil chan)", "select": "select", "block": "select (no cases)",
            "mutex": "sync.Mutex.Lock", "rlock": "sync.RWMutex.RLock", "wlock": "sync.RWMutex.Lock",
            "waitgroup": "sync.WaitGroup.Wait", "cond": "sync.Cond.Wait", "sleep": "sleep", "io": "IO wait"}[kind]
