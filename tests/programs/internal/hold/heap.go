package hold

import (
	"runtime/pprof"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"
)

func init() {
	Holders = append(Holders,
		Holder{Name: "global", Hold: global},
		Holder{Name: "global-data", Hold: globalData},
		Holder{Name: "channel-buffer", Hold: channelBuffer},
		Holder{Name: "channel-in-channel", Hold: channelInChannel},
		Holder{Name: "channel-sender", Hold: channelSender},
		Holder{Name: "channel-select-sender", Hold: channelSelectSender},
		Holder{Name: "map-small", Hold: mapSmall},
		Holder{Name: "map-growing", Hold: mapGrowing},
		Holder{Name: "map-large-value", Hold: mapLargeValue},
		Holder{Name: "map-key", Hold: mapKey},
		Holder{Name: "map-interface-key", Hold: mapInterfaceKey},
		Holder{Name: "map-big", Hold: mapBig, Heavy: true},
		Holder{Name: "sync-map", Hold: syncMap},
		Holder{Name: "sync-pool", Hold: syncPool, Still: true},
		Holder{Name: "atomic-value", Hold: atomicValue},
		Holder{Name: "atomic-pointer", Hold: atomicPointer},
		Holder{Name: "unsafe-pointer", Hold: unsafePointer},
		Holder{Name: "interior", Hold: interior},
		Holder{Name: "interior-large", Hold: interiorLarge, Heavy: true},
		Holder{Name: "slice-tail", Hold: sliceTail},
		Holder{Name: "array-medium", Hold: arrayMedium},
		Holder{Name: "array-large", Hold: arrayLarge, Heavy: true},
		Holder{Name: "one-word", Hold: oneWord},
		Holder{Name: "interface-in-struct", Hold: interfaceInStruct},
		Holder{Name: "long-list", Hold: longList, Heavy: true},
		Holder{Name: "closure-in-closure", Hold: closureInClosure},
		Holder{Name: "bound-method", Hold: boundMethod},
		Holder{Name: "custom-profile", Hold: customProfile},
	)
}

func global(g *Gate, wake func()) { shelve(g, wake, func(what interface{}) { what.(func())() }) }

// inData is in the data section, with a value from the start.
var inData = struct {
	mu    sync.Mutex
	at    [8]func()
	other *int
}{other: new(int)}

func globalData(g *Gate, wake func()) {
	inData.mu.Lock()
	defer inData.mu.Unlock()
	for i := range inData.at {
		if inData.at[i] != nil {
			continue
		}
		inData.at[i] = wake
		place := i
		later(g, func() {
			inData.mu.Lock()
			wake := inData.at[place]
			inData.at[place] = nil
			inData.mu.Unlock()
			wake()
		})
		return
	}
	global(g, wake)
}

func channelBuffer(g *Gate, wake func()) {
	c := make(chan func(), 3)
	c <- wake
	shelve(g, c, func(what interface{}) { (<-what.(chan func()))() })
}

func channelInChannel(g *Gate, wake func()) {
	inner := make(chan func(), 1)
	inner <- wake
	outer := make(chan chan func(), 20)
	for i := 0; i < 7; i++ { // so that it stands in the middle, and the beginning is no more in use
		outer <- nil
		<-outer
	}
	outer <- inner
	shelve(g, outer, func(what interface{}) { (<-<-what.(chan chan func()))() })
}

func channelSender(g *Gate, wake func()) {
	c := make(chan func())
	go func() { c <- wake }()
	shelve(g, c, func(what interface{}) { (<-what.(chan func()))() })
}

func channelSelectSender(g *Gate, wake func()) {
	c := make(chan func())
	go func() {
		select {
		case c <- wake:
		case <-make(chan int):
		}
	}()
	shelve(g, c, func(what interface{}) { (<-what.(chan func()))() })
}

func mapSmall(g *Gate, wake func()) {
	m := map[string]func(){"wake": wake}
	shelve(g, m, func(what interface{}) { what.(map[string]func())["wake"]() })
}

// mapGrowing is a map that may be in the middle of its growth.
func mapGrowing(g *Gate, wake func()) {
	m := map[int]func(){0: wake}
	for i := 1; i < 900; i++ {
		m[i] = nil
	}
	shelve(g, m, func(what interface{}) { what.(map[int]func())[0]() })
}

func mapLargeValue(g *Gate, wake func()) {
	type large struct {
		room [200]byte
		wake func()
	}
	m := map[string]large{"wake": {wake: wake}}
	shelve(g, m, func(what interface{}) { what.(map[string]large)["wake"].wake() })
}

func mapKey(g *Gate, wake func()) {
	m := map[*box]bool{{wake: wake}: true}
	shelve(g, m, func(what interface{}) {
		for key := range what.(map[*box]bool) {
			key.wake()
		}
	})
}

func mapInterfaceKey(g *Gate, wake func()) {
	m := map[interface{}]int{1: 1, "two": 2, &box{wake: wake}: 3}
	shelve(g, m, func(what interface{}) {
		for key := range what.(map[interface{}]int) {
			if b, ok := key.(*box); ok {
				b.wake()
			}
		}
	})
}

func mapBig(g *Gate, wake func()) {
	m := map[string]*box{}
	for i := 0; i < 20000; i++ {
		m[strconv.Itoa(i)] = nil
	}
	m["12345"] = &box{wake: wake}
	shelve(g, m, func(what interface{}) { what.(map[string]*box)["12345"].wake() })
}

func syncMap(g *Gate, wake func()) {
	m := &sync.Map{}
	m.Store("other", 1)
	m.Store("wake", wake)
	shelve(g, m, func(what interface{}) {
		wake, _ := what.(*sync.Map).Load("wake")
		wake.(func())()
	})
}

// syncPool is in what a processor has for itself or for all: one may have to try on several.
func syncPool(g *Gate, wake func()) {
	p := &sync.Pool{}
	p.Put(&box{})
	p.Put(&box{wake: wake})
	place := put(p)
	g.ahead.Add(1)
	go func() {
		<-g.early
		pool := take(place).(*sync.Pool)
		for {
			if held, ok := pool.Get().(*box); ok && held.wake != nil {
				held.wake()
				break
			}
			time.Sleep(100 * time.Microsecond)
		}
		g.ahead.Done()
	}()
}

func atomicValue(g *Gate, wake func()) {
	v := &atomic.Value{}
	v.Store(wake)
	shelve(g, v, func(what interface{}) { what.(*atomic.Value).Load().(func())() })
}

func atomicPointer(g *Gate, wake func()) {
	p := new(unsafe.Pointer)
	atomic.StorePointer(p, unsafe.Pointer(&box{wake: wake}))
	shelve(g, p, func(what interface{}) { (*box)(atomic.LoadPointer(what.(*unsafe.Pointer))).wake() })
}

func unsafePointer(g *Gate, wake func()) {
	shelve(g, unsafe.Pointer(&box{wake: wake}), func(what interface{}) { (*box)(what.(unsafe.Pointer)).wake() })
}

// interior is referred to by a pointer to another part of the same object.
func interior(g *Gate, wake func()) {
	held := &struct {
		wake func()
		room [30]int
		last int
	}{wake: wake}
	distance := unsafe.Offsetof(held.last)
	shelve(g, &held.last, func(what interface{}) {
		(*(*func())(unsafe.Add(unsafe.Pointer(what.(*int)), -int(distance))))()
	})
}

func interiorLarge(g *Gate, wake func()) {
	s := make([]box, 20000)
	s[3].wake = wake
	distance := unsafe.Sizeof(box{}) * (19999 - 3)
	shelve(g, &s[19999], func(what interface{}) {
		(*box)(unsafe.Add(unsafe.Pointer(what.(*box)), -int(distance))).wake()
	})
}

func sliceTail(g *Gate, wake func()) {
	s := make([]func(), 40)
	s[37] = wake
	tail := s[35:36]
	shelve(g, tail, func(what interface{}) { what.([]func())[:3][2]() })
}

// arrayMedium is an object of more than 512 bytes whose type is that of its elements.
func arrayMedium(g *Gate, wake func()) {
	s := make([]box, 60)
	s[59].wake = wake
	shelve(g, s, func(what interface{}) { what.([]box)[59].wake() })
}

func arrayLarge(g *Gate, wake func()) {
	s := make([]*box, 100000)
	s[99999] = &box{wake: wake}
	shelve(g, s, func(what interface{}) { what.([]*box)[99999].wake() })
}

func oneWord(g *Gate, wake func()) {
	p := new(func())
	*p = wake
	shelve(g, p, func(what interface{}) { (*what.(*func()))() })
}

func interfaceInStruct(g *Gate, wake func()) {
	held := &struct {
		number int
		waker  interface{ After(*Gate) }
	}{waker: &box{wake: wake}}
	shelve(g, held, func(what interface{}) {
		what.(*struct {
			number int
			waker  interface{ After(*Gate) }
		}).waker.After(g)
	})
}

type link struct {
	next *link
	wake func()
}

func longList(g *Gate, wake func()) {
	list := &link{wake: wake}
	for i := 0; i < 50000; i++ {
		list = &link{next: list}
	}
	shelve(g, list, func(what interface{}) {
		at := what.(*link)
		for at.next != nil {
			at = at.next
		}
		at.wake()
	})
}

func closureInClosure(g *Gate, wake func()) {
	for i := 0; i < 5; i++ {
		inner := wake
		wake = func() { inner() }
	}
	shelve(g, wake, func(what interface{}) { what.(func())() })
}

func boundMethod(g *Gate, wake func()) {
	shelve(g, (&box{wake: wake}).After, func(what interface{}) { what.(func(*Gate))(g) })
}

var profiles struct {
	sync.Mutex
	one *pprof.Profile
}

// customProfile keeps it as the key of what a profile of the program's own counts.
func customProfile(g *Gate, wake func()) {
	held := &box{wake: wake}
	profiles.Lock()
	defer profiles.Unlock()
	if profiles.one == nil {
		profiles.one = pprof.NewProfile("example.com/seep-tests")
	}
	profiles.one.Add(held, 0)
	hidden := ^uintptr(unsafe.Pointer(held)) // a profile does not give back what it was given
	later(g, func() {
		address := ^hidden
		held := *(**box)(unsafe.Pointer(&address))
		profiles.one.Remove(held)
		held.wake()
	})
}
