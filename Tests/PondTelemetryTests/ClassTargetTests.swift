import PondCore
import PondTelemetry
import Testing

@Suite("What a class of jobs was promised")
struct ClassTargetTests {
    @Test("A class that takes longer may wait longer", arguments: zip(JobClass.allCases, JobClass.allCases.dropFirst()))
    func order(quick: JobClass, slow: JobClass) {
        #expect(ClassTarget.standard(quick).wait <= ClassTarget.standard(slow).wait)
        #expect(ClassTarget.standard(quick).total <= ClassTarget.standard(slow).total)
    }
}
