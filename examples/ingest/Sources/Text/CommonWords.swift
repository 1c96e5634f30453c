/// How much a word says about the document that repeats it.
enum CommonWords {
    /// The weight of a word that stands in no list.
    static let weightMax = 4

    /// 0, 1 or 4; the less usual the word, the higher.
    static func weight(of word: String) -> Int {
        if everyday.contains(word) { return 0 }
        return technical.contains(word) ? 1 : weightMax
    }

    private static func words(_ text: String) -> Set<String> {
        Set(text.split { $0 == " " || $0 == "\n" }.map { String($0) })
    }

    /// The glue of English, and the names of markup that a reader never sees.
    private static let everyday = words(
        """
        about above after again against all almost along already also although always among and another any anybody
        anyone anything are aren't around because been before being below between both but came can can't cannot come
        could couldn't did didn't does doesn't doing don't done down during each either else enough etc even ever every
        everything few first for from further get gets getting give given gives going gone got had hadn't has hasn't
        have haven't having her here hers herself him himself his how however i'm i've instead into isn't it's its
        itself just keep last least less let let's like likely made make makes making many may maybe might more most
        much must mustn't myself near need needs neither never next non nor not nothing now off often old once one ones
        only onto other others otherwise our ours ourselves out over own per perhaps put rather really same say says
        see seen several shall she should shouldn't since some something still such sure take taken than that that's
        the their theirs them themselves then there there's therefore these they they're this those though three
        through thus together too toward two under unless until upon use used uses using usually very via want was
        wasn't way ways well went were weren't what when where whether which while who whom whose why will with within
        without won't would wouldn't yes yet you you're your yours yourself
        amp apos gt href html http https lt nbsp org quot www com div span src alt img
        """
    )

    /// What nearly every licence, changelog and manual says.
    private static let technical = words(
        """
        add added agreement any apache author authors available based bug build bugs call called case change
        changed changelog changes closes code command commit commits company condition conditions contains contributor contributors copies
        copy copying copyright copyrights damages data debian default derivative derived description disclaimer display
        distribute distributed distribution document documentation email error example fail failed false file files fix
        fixed fixes following form found foundation free function general git gnu gpl grant granted granting have header
        holder holders include included includes including information inc input install installed int interface issue
        kind legal liability library license licensed licenses limitation limited line lines list mailing maintainer
        makefile manual materials merchantability medium message method modification modifications modified modify mit name
        names new notice null number object obtained option options original output package packages page part
        particular party patch patent path permission permissions permitted persons policy portions problem product
        program programs project property provided provide public published purpose read reason redistribute
        redistribution redistributions release released remove removed reproduce requirements reserved restriction return
        returns right rights run section sell set shell size software source sources standard start statement string
        sublicense subject substantial support system terms test tests text thanks third time title true type unstable
        update updated upstream urgency user users value values variable version warranties warranty without work works
        write written
        """
    )
}
