import PondCore
