import Millpond
import PondCore
import Testing

@testable import pond

@Suite struct DashWavesTests {
    @Test func `the load rises and falls between its bounds`() {
        let shape = WaveShape(seconds: 180)
        let rates = stride(from: 0.0, to: 180, by: 0.5).map { shape.rate(at: $0) }
        #expect(rates.allSatisfy { (WaveShape.low...WaveShape.high).contains($0) })
        #expect(abs(shape.rate(at: 20.25) - WaveShape.high) < 0.01 && shape.rate(at: 60) == WaveShape.low)
        #expect(shape.rate(at: 100) == WaveShape.high && shape.rate(at: 179) == WaveShape.low)
        #expect(shape.rate(at: -1) == 0 && shape.rate(at: 180) == 0)
    }

    @Test func `the result counts lateness and compares with a fixed fleet`() {
        var result = WaveResult(waitTarget: .seconds(2), workersMax: 8)
        (result.jobs, result.done, result.elapsed) = (4, 4, .seconds(10))
        result.waits = [10, 2_000, 2_001, 300]
        for workers in [1, 5, 3] { result.take(.init(rate: 2, workers: workers), after: .seconds(2)) }
        #expect(result.late == 1 && result.workerSeconds == 18 && result.workerSecondsFixed == 80)
        #expect(WaveResult.squeezed([1, 5, 2, 3], to: 2) == [5, 3] && WaveResult.squeezed([1], to: 9) == [1])
        #expect(result.document.text.contains("\"waited_too_long\":1"))
    }
}
