//go:build linux

package faults

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// index says where each fault is tested: here or, if it concerns only one package, there. A
// fault without a test is skipped for the given reason.
var index = []struct {
	fault string
	tests []string
	skip  string
}{
	1:  {"loss, by chance and by pattern", []string{"TestFault01Loss"}, ""},
	2:  {"reordering within 1 to 1000 packets", []string{"TestFault02Reorder"}, ""},
	3:  {"duplicates", []string{"TestFault03Duplicates"}, ""},
	4:  {"damage, with the checksum left and repaired", []string{"TestFault04Damage", "TestEveryBitFlipIsRejected"}, ""},
	5:  {"delay and jitter", []string{"TestFault05Delay", "TestLatePackets"}, ""},
	6:  {"a link slower than the pace", []string{"TestFault06SlowLink", "TestRefusals"}, ""},
	7:  {"a firewall on the way", []string{"TestFault07Firewall"}, ""},
	8:  {"a local firewall", []string{"TestFault08LocalFirewall"}, ""},
	9:  {"the receiver killed and restarted", []string{"TestFault09ReceiverKilled", "TestFaultUnixReceiverKilled"}, ""},
	10: {"the exporter killed and restarted", []string{"TestFault10ExporterKilled"}, ""},
	11: {"names that move, vanish or take long", []string{"TestFault11Names", "TestFault11SlowResolver", "TestSlowResolver", "TestNewAddressIsFollowed", "TestOtherCandidate"}, ""},
	12: {"link down, route removed", []string{"TestFault12LinkDown"}, ""},
	13: {"an absent neighbour", []string{"TestFault13AbsentNeighbour"}, ""},
	14: {"a path that narrows, with and without word of it", []string{"TestFault14PathNarrows", "TestFault14RouteNarrows", "TestFault14RouterTells", "TestFault14BlackHole", "TestPathNarrows"}, ""},
	15: {"segmentation offload failing", []string{"TestFault15OffloadPackets", "TestFault15OffloadBooks", "TestFault15FirewallOnLength", "TestFault15ShortQueue", "TestRefusedRuns", "TestStrikes", "TestOffload"}, ""},
	16: {"short counts and errors of a batch", []string{"TestSendAll", "TestRefusals"}, ""},
	17: {"no file descriptors left", []string{"TestFault17NoFilesLeft"}, ""},
	18: {"clocks that jump", []string{"TestClockJumps", "TestSendersClockJumps", "TestGoldenPackets"}, ""},
	19: {"a slow receiver", []string{"TestFault19SlowReceiver", "TestFault19KernelDrops", "TestFullReceiver", "TestBurst"}, ""},
	20: {"truncated and oversized packets", []string{"TestFault20Truncated", "TestPrefixesAreRejected"}, ""},
	21: {"huge lengths and counts, references out of range, deep nesting", []string{"TestMalformedBodiesAreRejected"}, ""},
	22: {"amplification", []string{"TestAmplificationIsRejected"}, ""},
	23: {"noise and other protocols at the port", []string{"TestFault23Noise", "TestHostilePackets", "TestHostilePacketsLeaveNothing", "TestHonestBesideHostile"}, ""},
	24: {"a storm on a full ring", []string{"TestFault24RingFull", "TestPressureBooks", "TestPressureKeepsTheNewest", "TestNothingWaits"}, ""},
	25: {"shutdown in a storm, twice, with a context that is over", []string{"TestFault25ShutdownInAStorm", "TestContextEnds", "TestAfterShutdown"}, ""},
	26: {"panics in callbacks", []string{"TestFailingCallbacks", "TestBlockingCallback"}, ""},
	27: {"extreme numbers", []string{"TestRandomDataArrivesBitByBit", "TestInvalidMeasurements"}, ""},
	28: {"strings that are not UTF-8, long or many", []string{"TestBadInput", "TestUnknownAttributes"}, ""},
	29: {"counters near their end", []string{"TestNumbersNearTheEnd", "TestPointsBeforeWraps"}, ""},
	30: {"points and resources larger than a packet", []string{"TestFault30LargePoints", "TestFault30LargeResource", "TestFault30ReceiverRestarts", "TestLargeBodies", "TestIncompleteBodies", "TestReassemblyIsBounded", "TestReducedPoints", "TestAppendReduced"}, ""},
	31: {"stopped, on one processor, with little memory", []string{"TestFault31Stopped"}, ""},
	32: {"keys, replay and clones", []string{"TestFault32Clones", "TestClones", "TestPutBackAgain", "TestNoClones"}, "packets are not encrypted: there are no keys"},
	33: {"forged sessions", []string{"TestFault33ForgedSessions", "TestWhoMakesRoom", "TestProvenAreNotPushedOut", "TestFreshSessionsLeaveHalf", "TestJumps"}, ""},
	34: {"a day of it", []string{"TestSoak"}, "a day is too long for a test: TestSoak runs for as long as -soak says"},
	35: {"another source port in mid-session", []string{"TestFault35Rebinding"}, ""},
}

// TestIndex: every fault has the tests that the index names, or a reason.
func TestIndex(t *testing.T) {
	require.Len(t, index, 36, "from 1 to 35")
	known := testsBelow(t, filepath.Join("..", ".."))
	for n, f := range index[1:] {
		assert.NotEmpty(t, f.fault, n+1)
		assert.True(t, len(f.tests) > 0 || f.skip != "", "fault %d", n+1)
		for _, name := range f.tests {
			assert.True(t, known[name], "fault %d: no %s", n+1, name)
		}
	}
	for name := range known {
		if number, ok := strings.CutPrefix(name, "TestFault"); ok && number[0] <= '9' {
			n := int(number[0]-'0')*10 + int(number[1]-'0')
			assert.Contains(t, index[n].tests, name)
		}
	}
}

// isTest reports whether f is what go test runs.
func isTest(f *ast.FuncDecl) bool {
	if !strings.HasPrefix(f.Name.Name, "Test") || len(f.Type.Params.List) != 1 {
		return false
	}
	pointer, ok := f.Type.Params.List[0].Type.(*ast.StarExpr)
	if !ok {
		return false
	}
	of, ok := pointer.X.(*ast.SelectorExpr)
	return ok && of.Sel.Name == "T"
}

// testsBelow returns the names of all tests in the module.
func testsBelow(t *testing.T, root string) map[string]bool {
	t.Helper()
	known := map[string]bool{}
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, source, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && isTest(f) {
				known[f.Name.Name] = true
			}
		}
		return nil
	}))
	return known
}
