// sites tells which defers in loops an executable with symbols and DWARF has, without any of seep's ways: addresses
// come from the ELF symbol table, files and lines from DWARF, and calls are found by their bytes.
//
//	sites EXECUTABLE STRIPPED < LINES
//
// LINES has one `file:line` each. Prints one JSON document: every call of the functions that register a defer in a
// loop, and those of LINES for which the DWARF line table has code. Fails if STRIPPED has other code.
package main

import (
	"bufio"
	"bytes"
	"debug/dwarf"
	"debug/elf"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"regexp"
	"sort"
	"strconv"
	"strings"
)

// A trampoline of the linker, in an executable too large for one branch, counts as what it leads to.
var registers = regexp.MustCompile(`^runtime\.(deferproc|deferprocat|deferrangefunc)(\+0)?(-tramp\d+)?$`)

type place struct {
	File string `json:"file"`
	Line int    `json:"line"`
}

type call struct {
	PC       uint64 `json:"pc"`
	Target   string `json:"target"`
	Function string `json:"function"`
	place
}

// code is where a line of LINES has code: the function of the lowest address.
type code struct {
	Function string `json:"function"`
	place
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: sites EXECUTABLE STRIPPED < LINES")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "sites: %s: %v\n", os.Args[1], err)
		os.Exit(1)
	}
}

func run(path, stripped string, input io.Reader, output io.Writer) error {
	wanted, err := readPlaces(input)
	if err != nil {
		return err
	}
	file, err := elf.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	functions, err := readFunctions(file)
	if err != nil {
		return err
	}
	if err := compareCode(file, stripped); err != nil {
		return err
	}
	calls, err := findCalls(file, functions)
	if err != nil {
		return err
	}
	rows, err := readLines(file, functions, calls, wanted)
	if err != nil {
		return err
	}
	return json.NewEncoder(output).Encode(map[string]any{"calls": calls, "code": rows})
}

func readPlaces(input io.Reader) (map[place]bool, error) {
	places := map[place]bool{}
	lines := bufio.NewScanner(input)
	for lines.Scan() {
		file, number, _ := cutLast(lines.Text(), ":")
		line, err := strconv.Atoi(number)
		if err != nil {
			return nil, fmt.Errorf("%q is no file and line", lines.Text())
		}
		places[place{file, line}] = true
	}
	return places, lines.Err()
}

func cutLast(text, separator string) (before, after string, found bool) {
	at := strings.LastIndex(text, separator)
	if at < 0 {
		return text, "", false
	}
	return text[:at], text[at+len(separator):], true
}

// ---- the twin

func compareCode(file *elf.File, path string) error {
	other, err := elf.Open(path)
	if err != nil {
		return err
	}
	defer other.Close()
	_, code, err := readText(file)
	if err != nil {
		return err
	}
	_, otherCode, err := readText(other)
	if err != nil {
		return err
	}
	if !bytes.Equal(code, otherCode) {
		return fmt.Errorf("%s has other code", path)
	}
	return nil
}

func readText(file *elf.File) (address uint64, code []byte, err error) {
	section := file.Section(".text")
	if section == nil {
		return 0, nil, fmt.Errorf("there is no .text")
	}
	code, err = section.Data()
	return section.Addr, code, err
}

// ---- symbols

// functions is sorted by address.
type functions []elf.Symbol

func readFunctions(file *elf.File) (functions, error) {
	symbols, err := file.Symbols()
	if err != nil {
		return nil, err
	}
	var found functions
	for _, symbol := range symbols {
		if elf.ST_TYPE(symbol.Info) == elf.STT_FUNC {
			found = append(found, symbol)
		}
	}
	sort.Slice(found, func(i, j int) bool { return found[i].Value < found[j].Value })
	return found, nil
}

func (f functions) at(pc uint64) string {
	next := sort.Search(len(f), func(i int) bool { return f[i].Value > pc })
	if next == 0 || pc >= f[next-1].Value+f[next-1].Size {
		return ""
	}
	return f[next-1].Name
}

// ---- calls

func findCalls(file *elf.File, symbols functions) ([]*call, error) {
	targets := map[uint64]string{}
	for _, symbol := range symbols {
		if match := registers.FindStringSubmatch(symbol.Name); match != nil {
			targets[symbol.Value] = match[1]
		}
	}
	calls := []*call{}
	address, text, err := readText(file)
	if err != nil {
		return nil, err
	}
	decoders := map[elf.Machine]func([]byte, int) (int64, bool){elf.EM_X86_64: callAMD64, elf.EM_AARCH64: callARM64}
	find := decoders[file.Machine]
	if find == nil {
		return nil, fmt.Errorf("calls of %v are not known", file.Machine)
	}
	for at := range text {
		offset, ok := find(text, at)
		if !ok {
			continue
		}
		pc := address + uint64(at)
		target, ok := targets[pc+uint64(offset)]
		if function := symbols.at(pc); ok && !registers.MatchString(function) {
			calls = append(calls, &call{PC: pc, Target: target, Function: function})
		}
	}
	return calls, nil
}

// CALL rel32: e8 and the distance from the next instruction.
func callAMD64(text []byte, at int) (offset int64, ok bool) {
	if text[at] != 0xe8 || at+5 > len(text) {
		return 0, false
	}
	return 5 + int64(int32(binary.LittleEndian.Uint32(text[at+1:]))), true
}

// BL imm26: the distance in words.
func callARM64(text []byte, at int) (offset int64, ok bool) {
	if at%4 != 0 || at+4 > len(text) {
		return 0, false
	}
	word := binary.LittleEndian.Uint32(text[at:])
	if word>>26 != 0x25 {
		return 0, false
	}
	return int64(int32(word<<6)>>6) * 4, true
}

// ---- lines

// readLines fills in where the calls are, and returns those of the wanted places that have code.
func readLines(file *elf.File, symbols functions, calls []*call, wanted map[place]bool) ([]code, error) {
	data, err := file.DWARF()
	if err != nil {
		return nil, err
	}
	rows := []code{}
	units := data.Reader()
	for {
		unit, err := units.Next()
		if err != nil {
			return nil, err
		}
		if unit == nil {
			break
		}
		units.SkipChildren()
		lines, err := data.LineReader(unit)
		if err != nil {
			return nil, err
		}
		if lines != nil {
			found, err := readUnit(lines, symbols, calls, wanted)
			if err != nil {
				return nil, err
			}
			rows = append(rows, found...)
		}
	}
	for _, call := range calls {
		if call.File == "" {
			return nil, fmt.Errorf("DWARF has no line for the call at %#x in %s", call.PC, call.Function)
		}
	}
	return rows, nil
}

func readUnit(lines *dwarf.LineReader, symbols functions, calls []*call, wanted map[place]bool) ([]code, error) {
	var found []code
	var row, next dwarf.LineEntry
	err := lines.Next(&row)
	for ; err == nil; row = next {
		if err = lines.Next(&next); err != nil {
			break
		}
		if row.EndSequence || row.File == nil {
			continue
		}
		here := place{row.File.Name, row.Line}
		first := sort.Search(len(calls), func(i int) bool { return calls[i].PC >= row.Address })
		for i := first; i < len(calls) && calls[i].PC < next.Address; i++ {
			calls[i].place = here
		}
		if wanted[here] && next.Address > row.Address {
			delete(wanted, here)
			found = append(found, code{symbols.at(row.Address), here})
		}
	}
	if err != io.EOF {
		return nil, err
	}
	return found, nil
}
