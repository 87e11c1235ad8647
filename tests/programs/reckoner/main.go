// reckoner does the same sums again and again, in code that has all registers in use, and counts those that come out
// wrong: somebody overwrites registers that the code is said not to need.
package main

import (
	"bytes"
	"compress/flate"
	"encoding/json"
	"flag"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"math/big"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"sync/atomic"

	"example.com/seep-tests/internal/truth"
)

type item struct {
	Name  string
	Next  *item
	Words []string
	Sums  map[string]int
}

// Each gives the same number each time it is asked.
var sums = []func() uint64{sorting, mapping, lists, text, numbers, matrix, packing, documents, patterns, mixing}

var done, wrong uint64

func main() {
	workers := flag.Int("workers", 3, "goroutines that reckon")
	truth.Start(tell)
	expected := make([]uint64, len(sums))
	for i, sum := range sums {
		expected[i] = sum()
	}
	for i := 0; i < *workers; i++ {
		go reckon(expected, i)
	}
	truth.Ready()
	select {}
}

func tell() truth.Fields {
	return truth.Fields{"done": atomic.LoadUint64(&done), "wrong": atomic.LoadUint64(&wrong)}
}

func reckon(expected []uint64, first int) {
	for i := first; ; i++ {
		if sums[i%len(sums)]() != expected[i%len(sums)] {
			atomic.AddUint64(&wrong, 1)
		}
		atomic.AddUint64(&done, 1)
	}
}

func random(state *uint64) uint64 {
	*state ^= *state << 13
	*state ^= *state >> 7
	*state ^= *state << 17
	return *state
}

func sorting() (sum uint64) {
	state := uint64(1)
	all := make([]*item, 500)
	for i := range all {
		all[i] = &item{Name: strconv.FormatUint(random(&state), 36)}
	}
	sort.Slice(all, func(i, k int) bool { return all[i].Name < all[k].Name })
	for i, each := range all {
		sum = sum*31 + uint64(len(each.Name)*i) + uint64(each.Name[0])
	}
	return sum
}

func mapping() (sum uint64) {
	state := uint64(2)
	byName, byNumber := map[string]*item{}, map[uint64][]uint64{}
	for i := 0; i < 600; i++ {
		n := random(&state) % 97
		name := fmt.Sprint("n", n)
		if byName[name] == nil {
			byName[name] = &item{Name: name, Sums: map[string]int{}}
		}
		byName[name].Sums[name[:1]] += i
		byNumber[n] = append(byNumber[n], uint64(i))
	}
	for name, each := range byName {
		sum += uint64(each.Sums["n"]) * uint64(len(name))
	}
	for n, list := range byNumber {
		sum += n * list[len(list)-1]
	}
	return sum
}

func lists() (sum uint64) {
	state := uint64(3)
	var first, last *item
	for i := 0; i < 800; i++ {
		one := &item{Words: []string{strconv.Itoa(i), "x"}}
		if last == nil {
			first = one
		} else {
			last.Next = one
		}
		last = one
		if random(&state)%7 == 0 && first.Next != nil {
			first = first.Next
		}
	}
	for each := first; each != nil; each = each.Next {
		sum = sum*33 + uint64(len(each.Words[0])) + uint64(each.Words[0][0])
	}
	return sum
}

func text() (sum uint64) {
	var out strings.Builder
	for i := 0; i < 300; i++ {
		fmt.Fprintf(&out, "%05d %x %q %v|", i, i*i, strconv.Itoa(i), float64(i)/3)
	}
	for i, part := range strings.Split(strings.ToUpper(out.String()), "|") {
		for _, field := range strings.Fields(part) {
			sum = sum*131 + uint64(len(field)+i)
		}
	}
	return sum
}

func numbers() uint64 {
	a, b := big.NewInt(1), big.NewInt(3)
	for i := int64(1); i < 120; i++ {
		a.Mul(a, big.NewInt(i+7))
		b.Add(b.Mul(b, big.NewInt(5)), a)
		b.Mod(b, new(big.Int).Add(a, big.NewInt(11)))
	}
	return uint64(crc32.ChecksumIEEE(b.Bytes()))
}

func matrix() uint64 {
	const n = 40
	var a, b, c [n][n]float64
	for i := range a {
		for k := range a[i] {
			a[i][k], b[i][k] = float64(i*k%13), float64(i+k)/7
		}
	}
	for i := range c {
		for k := range c[i] {
			for m := range a {
				c[i][k] += a[i][m] * b[m][k]
			}
		}
	}
	return math.Float64bits(c[n/2][n/3] + c[n-1][1])
}

func packing() uint64 {
	var packed bytes.Buffer
	writer, _ := flate.NewWriter(&packed, 6)
	for i := 0; i < 400; i++ {
		fmt.Fprintf(writer, "line %d of %d; ", i%37, i%11)
	}
	writer.Close()
	size := packed.Len()
	plain, err := io.ReadAll(flate.NewReader(&packed))
	if err != nil {
		return 0
	}
	return uint64(crc32.ChecksumIEEE(plain)) + uint64(size)<<32
}

func documents() uint64 {
	all := &item{Name: "all", Sums: map[string]int{"a": 1, "b": 2}}
	for i := 0; i < 20; i++ {
		all = &item{Name: fmt.Sprint(i), Next: all, Words: []string{"w", strconv.Itoa(i)}}
	}
	out, err := json.Marshal(all)
	var back *item
	if err != nil || json.Unmarshal(out, &back) != nil {
		return 0
	}
	again, _ := json.Marshal(back)
	return uint64(crc32.ChecksumIEEE(again))
}

var pattern = regexp.MustCompile(`(\w+)-(\d+)(?:\.(\d+))?`)

func patterns() (sum uint64) {
	for i := 0; i < 60; i++ {
		found := pattern.FindStringSubmatch(fmt.Sprintf("some text name%d-%d.%d more", i, i*i, i%5))
		for _, part := range found {
			sum = sum*17 + uint64(crc32.ChecksumIEEE([]byte(part)))
		}
	}
	return sum
}

// mixing keeps more values than there are registers.
func mixing() uint64 {
	a, b, c, d, e, f, g, h := uint64(1), uint64(2), uint64(3), uint64(4), uint64(5), uint64(6), uint64(7), uint64(8)
	i, k, l, m, n, o := uint64(9), uint64(10), uint64(11), uint64(12), uint64(13), uint64(14)
	for round := uint64(0); round < 20000; round++ {
		a, b, c, d = a+b^round, b*3+c, c^d>>3, d+e<<1
		e, f, g, h = e^f, f+g*5, g-h, h^i>>7
		i, k, l, m, n, o = i+k, k^l<<5, l+m*7, m-n, n^o, o+a
	}
	return a ^ b ^ c ^ d ^ e ^ f ^ g ^ h ^ i ^ k ^ l ^ m ^ n ^ o
}
