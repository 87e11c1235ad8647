package main

import (
	"math/rand"
	"reflect"
	"unsafe"
)

// A ghost is the address of something that was dropped, as a number.
func ghost() uintptr { return uintptr(unsafe.Pointer(newLeaf())) }

// Types whose pointers stand in different places.
type (
	pair struct {
		p *leaf
		g uintptr
	}
	late struct { // pointer in the last word
		g [6]uintptr
		p *leaf
	}
	early struct { // nothing behind the first word
		p *leaf
		g [30]uintptr
	}
	mixed struct { // 5 words: its mask does not fit evenly into 64
		a *leaf
		g uintptr
		s []byte
	}
	wide struct { // more than 512 bytes
		head *leaf
		g    [70]uintptr
		foot *leaf
		tail [5]uintptr
	}
	broad struct { // more than 64 words, pointers at the borders of the mask's words
		g [62]uintptr
		a *leaf
		b *leaf
		c *leaf
		h [62]uintptr
		d *leaf
	}
	vast struct { // about 20 KB
		a *leaf
		g [1200]uintptr
		b *leaf
		h [1300]uintptr
		c *leaf
	}
	words   struct{ a, b, c, d interface{} }
	string2 struct {
		g uintptr
		s string
		f func() *leaf
	}
)

// fill gives every pointer of a value a leaf and every other word a ghost.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Ptr:
		if v.Type().Elem() == reflect.TypeOf(leaf{}) {
			v.Set(reflect.ValueOf(newLeaf()))
		} else {
			v.Set(reflect.New(v.Type().Elem()))
		}
	case reflect.Uintptr:
		v.SetUint(uint64(ghost()))
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 3, 5))
	case reflect.String:
		v.SetString(string(make([]byte, 9)))
	case reflect.Interface:
		v.Set(reflect.ValueOf(newLeaf()))
	case reflect.Func:
		mine := newLeaf()
		v.Set(reflect.ValueOf(func() *leaf { return mine }).Convert(v.Type()))
	case reflect.Array:
		if v.Len() == 0 {
			return
		}
		for i := 0; i < v.Len(); i++ {
			fill(v.Index(i))
		}
	case reflect.Struct:
		for i := 0; i < v.NumField(); i++ {
			field := v.Field(i)
			fill(reflect.NewAt(field.Type(), unsafe.Pointer(field.UnsafeAddr())).Elem())
		}
	}
}

var shapes = []reflect.Type{
	reflect.TypeOf(pair{}), reflect.TypeOf(late{}), reflect.TypeOf(early{}), reflect.TypeOf(mixed{}),
	reflect.TypeOf(wide{}), reflect.TypeOf(broad{}), reflect.TypeOf(vast{}), reflect.TypeOf(words{}),
	reflect.TypeOf(string2{}), reflect.TypeOf((*leaf)(nil)),
}

// sizeClasses makes objects of every size class, with pointers and without.
func sizeClasses() interface{} {
	var all []interface{}
	for size := 8; size <= 32768; size += step(size) {
		for copies := 0; copies < 3; copies++ {
			pointers := make([]*leaf, size/8)
			for i := range pointers {
				if i%7 == 0 || i == len(pointers)-1 {
					pointers[i] = newLeaf()
				}
			}
			plain := make([]uintptr, size/8)
			plain[0], plain[len(plain)-1] = ghost(), ghost()
			all = append(all, pointers, plain)
		}
	}
	return all
}

func step(size int) int {
	switch {
	case size < 128:
		return 8
	case size < 1024:
		return 64
	}
	return size / 8 &^ 7
}

// arrays makes values, slices and arrays of each shape, so that a type's mask is laid over an object again and again.
func arrays() interface{} {
	var all []interface{}
	for _, shape := range shapes {
		all = append(all, filled(shape))
		for _, n := range []int{2, 3, 5, 9, 17, 40, 130} {
			if uintptr(n)*shape.Size() > 200<<10 {
				continue
			}
			slice := reflect.MakeSlice(reflect.SliceOf(shape), n, n+n/3)
			for i := 0; i < n; i++ {
				fill(slice.Index(i))
			}
			all = append(all, slice.Interface(), filled(reflect.ArrayOf(n, shape)))
		}
	}
	return all
}

func filled(t reflect.Type) interface{} {
	v := reflect.New(t)
	fill(v.Elem())
	return v.Interface()
}

// manyPairs is so large that its mask was a program up to Go 1.23 and is made on demand since.
type manyPairs [20000]pair

var global manyPairs

// demanded makes values of types whose masks are made when they are wanted, by the compiler and by reflect.
func demanded() interface{} {
	for i := range global {
		if i%50 == 0 {
			global[i] = pair{newLeaf(), ghost()}
		}
	}
	own := new(manyPairs)
	*own = global
	for i := range own {
		if own[i].p != nil {
			own[i].p = newLeaf()
		}
	}
	slices := make([]manyPairs, 2)
	slices[1][19999].p = newLeaf()
	all := []interface{}{own, slices}
	for _, n := range []int{3, 100, 700, 5000} {
		all = append(all, filled(reflect.ArrayOf(n, reflect.TypeOf(mixed{}))))
	}
	fields := []reflect.StructField{}
	for i, shape := range shapes {
		fields = append(fields, reflect.StructField{Name: "F" + string(rune('A'+i)), Type: shape})
	}
	made := reflect.StructOf(fields)
	nested := reflect.StructOf([]reflect.StructField{
		{Name: "A", Type: reflect.TypeOf(uintptr(0))}, {Name: "B", Type: reflect.ArrayOf(30, made)}, {Name: "C", Type: made},
	})
	all = append(all, filled(made), filled(nested), filled(reflect.ArrayOf(3, made)), filled(reflect.ArrayOf(2, nested)))
	slice := reflect.MakeSlice(reflect.SliceOf(made), 4, 7)
	fill(slice.Index(3))
	return append(all, slice.Interface())
}

// large makes objects with spans of their own, one of them over the border of an arena (64 MiB).
func large() interface{} {
	var all []interface{}
	for _, size := range []int{33 << 10, 40 << 10, 100 << 10, 1 << 20, 3<<20 + 4096} {
		plain := make([]uintptr, size/8)
		plain[5] = ghost()
		pointers := make([]*leaf, size/8)
		pointers[0], pointers[len(pointers)-1] = newLeaf(), newLeaf()
		pairs := make([]pair, size/16)
		pairs[len(pairs)-1], pairs[1] = pair{newLeaf(), ghost()}, pair{newLeaf(), ghost()}
		all = append(all, plain, pointers, pairs)
		if size > 1<<20 && *megabytes < 8 {
			break
		}
	}
	if *megabytes >= 200 {
		pointers := make([]pair, 70<<20/16)
		for i := 0; i < len(pointers); i += 1000 {
			pointers[i] = pair{newLeaf(), ghost()}
		}
		all = append(all, pointers, make([]byte, 65<<20))
	}
	return all
}

// tiny makes objects that share a slot; one of each is kept.
func tiny() interface{} {
	var all []interface{}
	for i := 0; i < 1000; i++ {
		small, dropped := new(uint8), new(uint16)
		*small, *dropped = uint8(i), uint16(i)
		if i%3 == 0 {
			all = append(all, small)
		}
		if i%100 == 0 {
			name := string(rune('a'+i%26)) + "tiny"
			all = append(all, &name)
		}
	}
	return all
}

// inner pointers lead to the middle of objects.
func inner() interface{} {
	array := new([100]mixed)
	array[40].a = newLeaf()
	numbers := make([]uintptr, 500)
	numbers[3] = ghost()
	text := string(make([]byte, 3000))
	return []interface{}{&array[99], numbers[200:300], &numbers[499], text[1000:1001], &array[50].s}
}

// grow fills the heap up with a forest of objects of all shapes, of which some are dropped again.
func grow(megabytes int) {
	random := rand.New(rand.NewSource(1))
	var forest, dropped []interface{}
	for bytes := 0; bytes < megabytes<<20; {
		shape := shapes[random.Intn(len(shapes))]
		n := 1 + random.Intn(12)
		if shape.Size() > 4096 {
			n = 1
		}
		slice := reflect.MakeSlice(reflect.SliceOf(shape), n, n)
		fill(slice.Index(random.Intn(n)))
		bytes += n * int(shape.Size())
		node := words{a: slice.Interface(), b: ghost()}
		if len(forest) > 10 {
			node.c = forest[random.Intn(len(forest))]
		}
		if random.Intn(3) == 0 {
			dropped = append(dropped, &node)
			continue
		}
		forest = append(forest, &node)
	}
	for i := range forest { // most of it only through others
		if i%16 != 0 {
			forest[i] = nil
		}
	}
	kept = append(kept, forest)
	_ = dropped
}

func init() { cages = append(cages, sizeClasses, arrays, demanded, large, tiny, inner) }
