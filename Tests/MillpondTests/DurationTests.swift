import Millpond
import PondCore
import Testing
