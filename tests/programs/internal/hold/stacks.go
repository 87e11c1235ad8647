package hold

import (
	"net"
	"os"
	"reflect"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"
)

func init() {
	Holders = append(Holders,
		Holder{Name: "stack-blocked", Hold: stackBlocked},
		Holder{Name: "stack-select", Hold: stackSelect},
		Holder{Name: "stack-sleeping", Hold: stackSleeping},
		Holder{Name: "stack-runnable", Hold: stackRunnable, Heavy: true},
		Holder{Name: "stack-locked-thread", Hold: stackLockedThread},
		Holder{Name: "stack-deep", Hold: stackDeep, Heavy: true},
		Holder{Name: "stack-object", Hold: stackObject},
		Holder{Name: "stack-array", Hold: stackArray},
		Holder{Name: "stack-reflect-select", Hold: stackReflectSelect},
		Holder{Name: "stack-makefunc", Hold: stackMakeFunc},
		Holder{Name: "stack-method-by-name", Hold: stackMethodByName},
		Holder{Name: "stack-method-value", Hold: stackMethodValue},
		Holder{Name: "stack-variadic", Hold: stackVariadic},
		Holder{Name: "stack-many-arguments", Hold: stackManyArguments},
		Holder{Name: "stack-result", Hold: stackResult},
		Holder{Name: "defer-open-coded", Hold: deferOpenCoded},
		Holder{Name: "defer-loop", Hold: deferLoop},
		Holder{Name: "defer-on-stack", Hold: deferOnStack},
		Holder{Name: "panic-value", Hold: panicValue},
		Holder{Name: "panic-nested", Hold: panicNested},
		Holder{Name: "goexit", Hold: goexit},
		Holder{Name: "fault", Hold: fault},
		Holder{Name: "syscall-read", Hold: syscallRead},
		Holder{Name: "netpoll-pipe", Hold: netpollPipe},
		Holder{Name: "netpoll-accept", Hold: netpollAccept},
		Holder{Name: "netpoll-deadline", Hold: netpollDeadline},
		Holder{Name: "register-spin", Hold: registerSpin, Heavy: true},
		Holder{Name: "register-pointer", Hold: registerPointer, Heavy: true},
		Holder{Name: "register-preempted", Hold: registerPreempted, Heavy: true},
	)
}

type box struct {
	before [2]int
	wake   func()
}

func stackBlocked(g *Gate, wake func()) {
	go func() {
		<-g.C
		wake()
	}()
}

func stackSelect(g *Gate, wake func()) {
	go func() {
		select {
		case <-make(chan int):
		case <-g.C:
		}
		wake()
	}()
}

func stackSleeping(g *Gate, wake func()) {
	go func() {
		for !g.Over() {
			time.Sleep(5 * time.Millisecond)
		}
		wake()
	}()
}

func stackRunnable(g *Gate, wake func()) {
	go func() {
		for !g.Over() {
			runtime.Gosched()
		}
		wake()
	}()
}

func stackLockedThread(g *Gate, wake func()) {
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		<-g.C
		wake()
	}()
}

// stackDeep has it at the bottom of a stack that was moved many times.
func stackDeep(g *Gate, wake func()) {
	go func() {
		descend(g, 3000)
		wake()
	}()
}

//go:noinline
func descend(g *Gate, depth int) (sum int) {
	var room [16]int
	if depth == 0 {
		<-g.C
		return 0
	}
	room[depth%16] = descend(g, depth-1)
	return room[depth%8]
}

// stackObject has it in a variable on the stack that only a pointer further up leads to.
func stackObject(g *Gate, wake func()) {
	go func() {
		on := box{wake: wake}
		useObject(g, &on)
	}()
}

//go:noinline
func useObject(g *Gate, on *box) {
	<-g.C
	on.wake()
}

func stackArray(g *Gate, wake func()) {
	go func() {
		var on [64]box
		on[len(g.C)+41].wake = wake
		wake = nil
		<-g.C
		for i := range on {
			if on[i].wake != nil {
				on[i].wake()
			}
		}
	}()
}

func stackReflectSelect(g *Gate, wake func()) {
	go func() {
		reflect.Select([]reflect.SelectCase{
			{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(make(chan int))},
			{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(g.C)},
		})
		wake()
	}()
}

func stackMakeFunc(g *Gate, wake func()) {
	made := reflect.MakeFunc(reflect.TypeOf((func(func()))(nil)), func(arguments []reflect.Value) []reflect.Value {
		<-g.C
		arguments[0].Call(nil)
		return nil
	})
	go made.Interface().(func(func()))(wake)
}

// After waits and then wakes.
func (b *box) After(g *Gate) {
	<-g.C
	b.wake()
}

func stackMethodByName(g *Gate, wake func()) {
	method := reflect.ValueOf(&box{wake: wake}).MethodByName("After").Interface().(func(*Gate))
	go method(g)
}

func stackMethodValue(g *Gate, wake func()) {
	method := (&box{wake: wake}).After
	go method(g)
}

func stackVariadic(g *Gate, wake func()) { go afterAll(g, nil, 1, wake, "x") }

func afterAll(g *Gate, all ...interface{}) {
	<-g.C
	for _, one := range all {
		if wake, ok := one.(func()); ok {
			wake()
		}
	}
}

// stackManyArguments has more arguments than there are registers.
func stackManyArguments(g *Gate, wake func()) {
	go func() { manyArguments(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, g, wake) }()
}

//go:noinline
func manyArguments(a, b, c, d, e, f, h, i, j, k int, g *Gate, wake func()) {
	<-g.C
	if a+b+c+d+e+f+h+i+j+k == 55 {
		wake()
	}
}

func stackResult(g *Gate, wake func()) {
	go func() {
		_, then := namedResult(g, wake)
		then()
	}()
}

//go:noinline
func namedResult(g *Gate, wake func()) (err error, then func()) {
	then = wake
	defer func() {
		<-g.C
		recover()
	}()
	panic("the result is all that is left")
}

func deferOpenCoded(g *Gate, wake func()) {
	go func() {
		defer wake()
		<-g.C
	}()
}

// deferLoop has it in the list of deferred calls only.
func deferLoop(g *Gate, wake func()) {
	go func() {
		for _, one := range []func(){func() {}, wake, func() {}} {
			defer one()
		}
		wake = nil
		<-g.C
	}()
}

func deferOnStack(g *Gate, wake func()) {
	go func() {
		for turn := 0; turn < 1; turn++ { // a defer in a loop: then the one after it is not open-coded either
			defer func() {}()
		}
		defer wake()
		<-g.C
	}()
}

// panicValue has it in the value of a panic that is on its way.
func panicValue(g *Gate, wake func()) {
	go func() {
		defer func() {
			<-g.C
			recover().(*box).wake()
		}()
		panic(&box{wake: wake})
	}()
}

func panicNested(g *Gate, wake func()) {
	go func() {
		defer func() { recover().(*box).wake() }()
		defer func() {
			defer func() {
				<-g.C
				recover()
			}()
			panic("another on top")
		}()
		panic(&box{wake: wake})
	}()
}

func goexit(g *Gate, wake func()) {
	go func() {
		defer func() {
			<-g.C
			wake()
		}()
		runtime.Goexit()
	}()
}

// fault is in a deferred call of a frame that stopped at an instruction that is no call.
func fault(g *Gate, wake func()) {
	go func() {
		defer func() {
			recover()
			<-g.C
			wake()
		}()
		var nothing *box
		nothing.wake = wake
	}()
}

// syscallRead is in the kernel, in a read that the runtime's poller does not know.
func syscallRead(g *Gate, wake func()) {
	var ends [2]int
	if err := syscall.Pipe2(ends[:], syscall.O_CLOEXEC); err != nil {
		panic(err)
	}
	go func() {
		syscall.Read(ends[0], make([]byte, 1))
		wake()
		syscall.Close(ends[0])
		syscall.Close(ends[1])
	}()
	out := ends[1]
	later(g, func() { syscall.Write(out, []byte{1}) })
}

func netpollPipe(g *Gate, wake func()) {
	in, out, err := os.Pipe()
	if err != nil {
		panic(err)
	}
	go func() {
		in.Read(make([]byte, 1))
		wake()
		in.Close()
	}()
	later(g, func() { out.Close() })
}

func netpollAccept(g *Gate, wake func()) {
	listener, err := net.Listen("unix", "") // a name that the kernel chooses
	if err != nil {
		panic(err)
	}
	go func() {
		if other, err := listener.Accept(); err == nil {
			other.Close()
		}
		wake()
		listener.Close()
	}()
	address := listener.Addr().String()
	later(g, func() {
		if other, err := net.Dial("unix", address); err == nil {
			other.Close()
		}
	})
}

func netpollDeadline(g *Gate, wake func()) {
	in, out, err := os.Pipe()
	if err != nil {
		panic(err)
	}
	go func() {
		for !g.Over() {
			in.SetReadDeadline(time.Now().Add(5 * time.Millisecond))
			in.Read(make([]byte, 1))
		}
		wake()
		in.Close()
		out.Close()
	}()
}

func registerSpin(g *Gate, wake func()) { go spin(&g.over, wake) }

// spin calls nothing while it waits: what it will call is in a register or where the arguments are.
//
//go:noinline
func spin(over *int32, wake func()) {
	for atomic.LoadInt32(over) == 0 {
	}
	wake()
}

func registerPointer(g *Gate, wake func()) { go spinOnPointer(&g.over, &box{wake: wake}) }

// spinOnPointer has a pointer into the middle of what it holds while it goes round.
//
//go:noinline
func spinOnPointer(over *int32, held *box) {
	inner := &held.wake
	held = nil
	n := 0
	for atomic.LoadInt32(over) == 0 {
		n++
	}
	if n >= 0 {
		(*inner)()
	}
}

// registerPreempted has more that go round than there are processors, so that some are preempted at any time.
func registerPreempted(g *Gate, wake func()) {
	go spin(&g.over, wake)
	for i := 0; i < runtime.GOMAXPROCS(0); i++ {
		go spin(&g.over, func() {})
	}
}
